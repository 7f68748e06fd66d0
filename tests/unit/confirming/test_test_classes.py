"""True and predicted classes as a short text."""

import numpy as np
import pytest

from sweep.test_classes import pack, unpack


@pytest.mark.parametrize(
    "classes",
    [[[], []], [[3], [4]], [[9, 0, 9, 1], [9, 0, 1, 1]], [[0, 65535], [65535, 0]]],
    ids=["none", "one", "some", "the largest there is"],
)
@pytest.mark.parametrize("dtype", [np.int64, np.uint16])
def test_what_is_packed_comes_out_again(classes, dtype):
    packed = np.array(classes, dtype=dtype)
    assert isinstance(pack(packed), str)
    assert unpack(pack(packed)).tolist() == classes


def test_ten_thousand_images_take_little_more_than_a_byte_each():
    random = np.random.default_rng(43)
    true = random.integers(0, 10, 10_000)
    predicted = np.where(random.random(10_000) < 0.9, true, random.integers(0, 10, 10_000))
    text = pack(np.stack([true, predicted]))
    assert len(text) < 13_000
