import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from sweep import evidence
from sweep.figures import architecture
from sweep.messages import EpochEnd, Evaluation, Features, Result, WorstConfusions
from sweep.worker.finishing import Finishing

PICTURES = ["1-learning-curves.png", "2-confusion-matrix.png", "4-worst-confusions.png", "6-network.png"]
TABLES = ["3-classes.csv", "7-history.csv"]
# Of what ends trials, by those that only get ready.
UNUSED = dict.fromkeys(("assignment", "call", "copies", "errands", "show", "read_trials")) | {"note": pytest.fail}


@pytest.fixture
def subject(space):
    plan = space.from_dict({"conv_layers": 3, "l2": None, "batch_norm": True, "dropout": 0.2}).plan((28, 28, 1), 2)
    return evidence.Subject(number=7, title="isolated-2", plan=plan, labels=("shirt", "shoe"))


@pytest.fixture
def history():
    measures = {"loss": 1.0, "accuracy": 0.5, "val_loss": 1.0, "seconds": 2.0}
    return tuple(
        EpochEnd(trial=7, epoch=epoch, val_accuracy=value, **measures) for epoch, value in ((1, 0.5), (2, 0.25))
    )


@pytest.fixture
def result(history):
    matrix = Evaluation(confusion_matrix=((3, 1), (2, 4)), cross_entropy=0.5, loss=0.6)
    return Result(
        trial=7,
        best_epoch=1,
        validation=matrix,
        test=None,
        train_seconds=4.0,
        images_per_second=None,
        dtype_policy="float32",
        history=history,
        confusions=WorstConfusions(
            images=np.zeros((1, 28, 28, 1), np.uint8), true=(0,), predicted=(1,), confidence=(0.9,)
        ),
        features=Features(
            points=np.array([[0.0, 0.0], [1.0, 1.0]], np.float32), true=(0, 1), predicted=(0, 0), explained=0.8
        ),
    )


def names(exhibits):
    return [each.filename for each in exhibits]


def table(exhibits, name):
    (found,) = [each for each in exhibits if each.filename == name]
    return list(csv.DictReader(io.StringIO(found.content.decode())))


def test_a_complete_trial_leaves_pictures_and_tables_in_their_order(subject, result):
    left = evidence.of_complete(subject, result, with_features=True)
    assert names(left) == sorted([*PICTURES, *TABLES, "5-features.png"])
    assert [each.order for each in left] == sorted(each.order for each in left)
    for each in left:
        if each.mimetype == "image/png":
            with Image.open(io.BytesIO(each.content)) as picture:
                picture.verify()


def test_the_scatter_is_drawn_only_where_it_is_wanted(subject, result):
    assert "5-features.png" not in names(evidence.of_complete(subject, result, with_features=False))


def test_a_trial_measured_on_test_images_shows_them_apart(subject, result):
    left = evidence.of_complete(subject, replace(result, test=result.validation), with_features=False)
    assert names(left)[-2:] == ["8-test-confusion-matrix.png", "9-test-classes.csv"]


def test_the_table_of_classes_says_what_each_is_mistaken_for(subject, result):
    shirt, shoe = table(evidence.of_complete(subject, result, with_features=False), "3-classes.csv")
    assert shirt == {
        "class": "shirt",
        "images": "4",
        "precision": "0.6000",
        "recall": "0.7500",
        "f1": "0.6667",
        "mostly mistaken for": "shoe",
        "mistaken": "1",
    }
    assert (shoe["recall"], shoe["mistaken"]) == ("0.6667", "2")


def test_a_pruned_trial_leaves_its_curves_and_history(subject, history):
    left = evidence.of_cut(subject, history, pruned=True)
    assert names(left) == ["1-learning-curves.png", "7-history.csv"]
    assert [row["val_accuracy"] for row in table(left, "7-history.csv")] == ["0.5", "0.25"]


def test_a_trial_that_never_ended_an_epoch_leaves_nothing(subject):
    assert evidence.of_cut(subject, (), pruned=False) == []


def test_what_was_drawn_ahead_is_not_drawn_again(subject, result, monkeypatch):
    subject = replace(subject, number=1234)  # which no other test has drawn
    evidence.draw_ahead(subject)
    monkeypatch.setattr(architecture, "architecture", lambda *_, **__: pytest.fail("drawn twice"))
    assert "6-network.png" in names(evidence.of_complete(subject, result, with_features=False))


@pytest.mark.parametrize("step", ["prepare", "draw_ahead"])
def test_a_library_that_cannot_draw_is_met_at_a_trials_end_not_before(subject, monkeypatch, step):
    """The worker lives on, and tries again with the next trial."""
    tried = []

    def broken(*_):
        tried.append(step)
        raise ImportError("no matplotlib here")

    monkeypatch.setattr(evidence, "prepare", lambda: None)
    monkeypatch.setattr(evidence, step, broken)
    finishing = Finishing(**UNUSED, draw=lambda call, handle: handle(call()))
    finishing.prepare(subject)
    finishing.prepare(subject)
    assert tried == [step, step]


def test_a_trial_that_may_be_pruned_has_nothing_drawn_ahead(monkeypatch):
    prepared = []
    monkeypatch.setattr(evidence, "prepare", lambda: prepared.append(1))
    monkeypatch.setattr(evidence, "draw_ahead", pytest.fail)
    finishing = Finishing(**UNUSED, draw=lambda call, handle: handle(call()))
    finishing.prepare(None)
    finishing.prepare(None)
    assert prepared == [1]
