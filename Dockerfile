# One image for every part (init, workers, dashboard, service): this project with its locked versions.
# With a GPU: docker build --build-arg EXTRAS=gpu --tag sweep:0.1.0-gpu .
FROM python:3.12-slim-bookworm

# The data set comes from Debian's own package: workers need no network. tini is the first process of a container: it
# hands signals on, and collects what is left over; a first process without a handler is deaf to SIGTERM, and Python
# has none while it imports. Versions are not pinned: Debian's mirrors drop one with the next.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends dataset-fashion-mnist tini \
    && rm -rf /var/lib/apt/lists/*

# A number of its own, which volumes and Kubernetes know; the home is there for a volume to take over its owner.
RUN useradd --uid 1000 --user-group --create-home sweep \
    && install --directory --owner=sweep --group=sweep /home/sweep/sweep-data

WORKDIR /opt/sweep

# More extras of pyproject.toml, with spaces between: gpu, formats. With s3, files of trials may go to such a store.
ARG EXTRAS=""

# What is installed besides the project, in a layer of its own: it is two gigabytes, and changes only with versions.
COPY pyproject.toml constraints.txt deploy/image/requirements.py ./
RUN python requirements.py s3 ${EXTRAS} > requirements.txt \
    && pip install --no-cache-dir --constraint constraints.txt --requirement requirements.txt

COPY README.md LICENSE ./
COPY search_spaces search_spaces
COPY storage storage
COPY sweep sweep
RUN pip install --no-cache-dir --no-deps --no-build-isolation .

USER 1000:1000
WORKDIR /home/sweep

# Weights that Keras downloads go where files are kept; what matplotlib remembers need not be.
ENV KERAS_HOME=/home/sweep/sweep-data/cache/keras \
    MPLCONFIGDIR=/tmp/matplotlib

# No HEALTHCHECK: the image is several things. A worker's health is its exit and its heartbeats, the others' an answer
# over HTTP; each service says so where it is defined.
ENTRYPOINT ["tini", "--"]
CMD ["sweep", "--help"]
