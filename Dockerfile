# The worker's and the dashboard's image: this project with its locked versions, and Fashion-MNIST inside.
FROM python:3.12-slim-bookworm

# The data set comes from Debian's own package, so that workers need no network.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends dataset-fashion-mnist \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/sweep
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY search_spaces search_spaces
COPY storage storage
COPY sweep sweep
RUN pip install --no-cache-dir -c constraints.txt .

# The home is there for a volume to take over its owner.
RUN useradd --create-home sweep && install --directory --owner=sweep --group=sweep /home/sweep/sweep-data
USER sweep
WORKDIR /home/sweep
CMD ["sweep", "--help"]
