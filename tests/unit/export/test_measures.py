"""What metrics.json says, and when a rebuilt network is not the one that was measured."""

import pytest

from sweep.errors import WorldError
from sweep.export.measures import Measured, measured_by_trial, part_document, refuse_other_figures

MATRIX = [[3, 1], [0, 6]]
ATTRIBUTES = {"val_confusion_matrix": MATRIX, "val_cross_entropy": 0.4, "val_loss": 0.5, "val_accuracy": 0.9}
KNOWN = Measured(confusion_matrix=MATRIX, cross_entropy=0.4, loss=0.5)


def test_a_trial_s_own_figures_are_taken():
    assert measured_by_trial(ATTRIBUTES, "validation") == KNOWN
    assert measured_by_trial(ATTRIBUTES, "test") is None


def test_an_accuracy_that_is_not_its_matrix_s_is_refused_with_both():
    with pytest.raises(WorldError, match=r"0\.950000.*0\.900000"):
        measured_by_trial(ATTRIBUTES | {"val_accuracy": 0.95}, "validation")


def test_a_part_has_its_data_and_every_class(make_identity):
    part = part_document(KNOWN, part="validation", identity=make_identity(limit=10), seed=44)
    assert part["data"] == {
        "dataset": "fashion-mnist",
        "sha256": "c59f",
        "part": "validation",
        "seed": 44,
        "limit": 10,
    }
    assert (part["images"], part["accuracy"], part["loss"], part["cross_entropy"]) == (10, 0.9, 0.5, 0.4)
    assert part["confusion_matrix"] == MATRIX
    shirt, shoe = part["per_class"]
    assert (shirt["label"], shirt["images"], shirt["recall"]) == ("shirt", 4, 0.75)
    assert (shirt["mistaken_for"], shirt["mistaken"]) == ("shoe", 1)
    assert (shoe["mistaken_for"], shoe["mistaken"]) == (None, 0)


def test_an_image_that_nearly_ties_may_be_counted_elsewhere():
    found = Measured(confusion_matrix=[[4, 0], [0, 6]], cross_entropy=0.4001, loss=0.5)
    refuse_other_figures(KNOWN, found, part="test", near_ties=1, tolerance=1e-3)
    with pytest.raises(WorldError, match=r"the study says 0\.9000, the network gives 1\.0000"):
        refuse_other_figures(KNOWN, found, part="test", near_ties=0, tolerance=1e-3)


def test_another_cross_entropy_is_another_network():
    found = Measured(confusion_matrix=MATRIX, cross_entropy=0.41, loss=0.5)
    with pytest.raises(WorldError, match=r"cross-entropy 0\.4000 against 0\.4100.*--trial"):
        refuse_other_figures(KNOWN, found, part="test", near_ties=10, tolerance=1e-3)
