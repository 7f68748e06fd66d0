"""What tests of every kind share."""

import shutil
from pathlib import Path

import pytest

from sweep.data.dataset import DataReference, load_dataset
from sweep.data.fashion_mnist import FILES, Sources

TEST_DATA = Path(__file__).parent.parent / ".test-data"  # kept between runs, ignored by git


@pytest.fixture(scope="session")
def fashion_mnist_cache() -> Path:
    """A cache folder that holds Fashion-MNIST's four files in `fashion-mnist`, found or fetched as users get them."""
    folder = TEST_DATA / "fashion-mnist"
    if not folder.is_dir():
        load_dataset(DataReference(cache_dir=TEST_DATA))  # a download ends in the cache
    for source in (Sources().system_dir, Sources().keras_dir):
        if not folder.is_dir() and source.is_dir():
            shutil.copytree(source, folder)
    assert len(list(folder.glob("*ubyte*"))) >= len(FILES)
    return TEST_DATA
