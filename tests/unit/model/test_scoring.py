from dataclasses import asdict

import numpy as np
import pytest

from sweep.metrics import class_scores, confusion_matrix, cross_entropy, scores
from sweep.model.scoring import compare_part, near_ties

LABELS = ("cat", "dog", "owl")
TRUTH = np.array([0, 0, 1, 2, 2])
SURE = np.array([[0.9, 0.05, 0.05], [0.2, 0.7, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.1, 0.2, 0.7]], np.float32)


def recorded(probabilities, penalty=0.0):
    matrix = confusion_matrix(TRUTH, probabilities.argmax(axis=1), 3)
    entropy = cross_entropy(probabilities, TRUTH)
    per_class = []
    for label, each in zip(LABELS, class_scores(matrix), strict=True):
        named = None if each.mistaken_for is None else LABELS[each.mistaken_for]
        per_class.append({"label": label} | asdict(each) | {"mistaken_for": named})
    return {
        "images": 5,
        **asdict(scores(matrix)),
        "cross_entropy": entropy,
        "loss": entropy + penalty,
        "per_class": per_class,
        "confusion_matrix": matrix.tolist(),
    }


def compare(before, now, penalty=0.0):
    return compare_part("test", before, probabilities=now, truth=TRUTH, labels=LABELS, penalty=penalty)


def with_row(row):
    changed = SURE.copy()
    changed[3] = row
    return changed


def test_the_same_probabilities_have_the_same_score():
    found, complaints = compare(recorded(SURE, penalty=0.25), SURE, penalty=0.25)
    assert complaints == []
    entropy = cross_entropy(SURE, TRUTH)
    matrix = found.pop("confusion_matrix")
    assert found == {"images": 5, "accuracy": 0.8, "cross_entropy": entropy, "loss": entropy + 0.25, "near_ties": 0}
    assert matrix == recorded(SURE)["confusion_matrix"]


def test_what_was_never_recorded_is_measured_without_a_complaint():
    found, complaints = compare_part(
        "test", {}, probabilities=SURE, truth=TRUTH, labels=LABELS, penalty=0.0, is_first=True
    )
    assert complaints == []
    assert found["confusion_matrix"] == recorded(SURE)["confusion_matrix"]


def test_a_near_tie_may_be_decided_otherwise():
    before, now = with_row([0.1, 0.44996, 0.45004]), with_row([0.1, 0.45004, 0.44996])
    assert before[3].argmax() != now[3].argmax()
    found, complaints = compare(recorded(before), now)
    assert complaints == []
    assert found["near_ties"] == 1


def test_a_near_tie_does_not_excuse_another_image():
    before = with_row([0.1, 0.45004, 0.44996])
    now = before.copy()
    now[2] = [0.8, 0.1, 0.1]
    _, complaints = compare(recorded(before), now)
    assert "1 of 5 images are taken for another class" in complaints[0]


@pytest.mark.parametrize(("gap", "tied"), [(9e-4, True), (1.1e-3, False)])
def test_a_near_tie_is_less_than_a_thousandth(gap, tied):
    assert near_ties(np.array([[0.3, 0.35 + gap, 0.35]], np.float32)).tolist() == [tied]


def test_the_penalty_is_part_of_the_loss():
    _, complaints = compare(recorded(SURE, penalty=0.25), SURE)
    assert len(complaints) == 1
    assert complaints[0].startswith("test: loss is ")


def test_truth_counted_otherwise_is_other_data():
    before = recorded(SURE)
    before["confusion_matrix"] = np.roll(before["confusion_matrix"], 1, axis=0).tolist()
    _, complaints = compare(before, SURE)
    assert "taken for another class" in complaints[0]
