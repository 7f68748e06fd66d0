"""Whatever a disk does to a checkpoint, it is read back whole or refused as damaged."""

import keras
import numpy as np
import pytest

from sweep.trainer.best_epoch import BestEpoch
from sweep.trainer.checkpoints import Checkpoint, CheckpointError

CENTRAL_DIRECTORY = b"PK\x01\x02"  # a ZIP file's entry for one member
FLAGS = 8  # bytes from its beginning to its general purpose flags
ENCRYPTED, PATCHED = 0x01, 0x20


@pytest.fixture
def model():
    layers = [keras.Input((4,)), keras.layers.Dense(3)]
    small = keras.Sequential(layers)
    small.compile(optimizer="adam", loss="mse")
    small.optimizer.build(small.trainable_variables)
    return small


@pytest.fixture
def checkpoint(tmp_path, model):
    """What reads and writes a checkpoint, and the file."""
    path = tmp_path / "0.npz"
    keeper = Checkpoint(path, fingerprint="the job", best=BestEpoch(patience=1), history=[])
    keeper.write(model, path)
    return keeper, path


def refuses_or_restores(keeper, path, model, before):
    try:
        keeper.read(model, path, trial=0)
    except CheckpointError as error:
        return "damaged" in str(error) or "belongs to another" in str(error)
    return all(np.array_equal(now, then) for now, then in zip(model.get_weights(), before, strict=True))


@pytest.mark.long
def test_a_checkpoint_with_a_wrong_byte_anywhere_is_read_back_whole_or_refused(checkpoint, model, chance):
    (keeper, path), before = checkpoint, model.get_weights()
    whole = path.read_bytes()
    for _ in range(1000):
        damaged = bytearray(whole)
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        assert refuses_or_restores(keeper, path, model, before)


@pytest.mark.parametrize("flag", [ENCRYPTED, PATCHED])
@pytest.mark.long
def test_a_checkpoint_whose_directory_says_nonsense_is_refused(checkpoint, model, flag):
    keeper, path = checkpoint
    damaged = bytearray(path.read_bytes())
    damaged[damaged.index(CENTRAL_DIRECTORY) + FLAGS] |= flag
    path.write_bytes(damaged)
    with pytest.raises(CheckpointError, match="damaged"):
        keeper.read(model, path, trial=0)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
@pytest.mark.long
def test_a_checkpoint_that_was_cut_short_is_refused(checkpoint, model, share):
    keeper, path = checkpoint
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(CheckpointError, match="damaged"):
        keeper.read(model, path, trial=0)
