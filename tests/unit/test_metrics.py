import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from search_spaces.reported import reported_experiments
from sweep.metrics import Scores, class_scores, confusion_matrix, cross_entropy, scores

PRINTED = [experiment for experiment in reported_experiments() if experiment.confusion_matrix is not None]
# Where the report's table contradicts the matrix it prints: what the matrix says.
CONTRADICTIONS = {("isolated-7", "accuracy"): 0.9042, ("isolated-10", "rmse"): 1.0153}
# Digits after the point that the table prints.
DIGITS = {"accuracy": 4, "precision": 2, "recall": 2, "f1": 2, "rmse": 3}


def test_the_report_prints_18_matrices():
    assert len(PRINTED) == 18


@pytest.mark.parametrize("metric", DIGITS)
@pytest.mark.parametrize("experiment", PRINTED, ids=lambda experiment: experiment.id)
def test_a_printed_matrix_gives_the_figures_of_its_table_row(experiment, metric):
    reported = getattr(experiment.metrics, {"accuracy": "test_accuracy"}.get(metric, metric))
    computed = getattr(scores(np.array(experiment.confusion_matrix)), metric)
    contradiction = CONTRADICTIONS.get((experiment.id, metric))
    if contradiction is None:
        assert round(computed, DIGITS[metric]) == reported
    else:
        assert round(computed, 4) == contradiction
        assert round(computed, DIGITS[metric]) != reported


def test_rows_are_the_true_classes():
    assert confusion_matrix(np.array([0, 0, 1]), np.array([0, 2, 1]), 3).tolist() == [
        [1, 0, 1],
        [0, 1, 0],
        [0, 0, 0],
    ]


def test_bytes_as_indices_do_not_overflow():
    many = np.full(300, 200, dtype=np.uint8)
    assert confusion_matrix(many, many, 201)[200, 200] == 300


@pytest.mark.parametrize(
    ("true", "predicted", "message"),
    [
        ([0, 1], [0], r"shapes \(2,\) and \(1,\)"),
        ([[0]], [[0]], r"Expected two arrays of shape \(n,\)"),
        ([0, 3], [0, 1], r"true holds indices of no class. Expected 0…2. Received: 0…3"),
        ([0, 1], [0, -1], r"predicted holds indices of no class. Expected 0…2. Received: -1…0"),
    ],
)
def test_labels_that_do_not_fit_are_refused(true, predicted, message):
    with pytest.raises(ValueError, match=message):
        confusion_matrix(np.array(true), np.array(predicted), 3)


def test_scores_equal_scikit_learns():
    random = np.random.default_rng(5)
    true = random.integers(0, 7, 500)
    predicted = np.where(random.random(500) < 0.7, true, random.integers(0, 6, 500))
    predicted[predicted == 3] = 2  # a class that is never predicted
    expected = sklearn_metrics.precision_recall_fscore_support(true, predicted, average="macro", zero_division=0)
    got = scores(confusion_matrix(true, predicted, 7))
    assert (got.precision, got.recall, got.f1) == pytest.approx(expected[:3])
    assert got.accuracy == pytest.approx(sklearn_metrics.accuracy_score(true, predicted))
    assert got.rmse == pytest.approx(sklearn_metrics.root_mean_squared_error(true, predicted))


def test_a_class_without_images_or_predictions_counts_zero():
    assert scores(np.diag([5, 5, 0, 0])) == Scores(accuracy=1.0, precision=0.5, recall=0.5, f1=0.5, rmse=0.0)


@pytest.mark.parametrize("matrix", [np.zeros((3, 3), dtype=int), np.ones((2, 3), dtype=int), np.ones(3, int)])
def test_what_is_no_confusion_matrix_is_refused(matrix):
    with pytest.raises(ValueError, match="Scores need a confusion matrix"):
        scores(matrix)


def test_cross_entropy_is_the_mean_in_nats():
    probabilities = np.array([[0.5, 0.5], [0.1, 0.9]], dtype=np.float32)
    assert cross_entropy(probabilities, np.array([0, 1])) == pytest.approx(-(np.log(0.5) + np.log(0.9)) / 2, rel=1e-6)


def test_a_certain_error_stays_finite_as_in_keras():
    certain = np.array([[1.0, 0.0]])
    assert cross_entropy(certain, np.array([1])) == pytest.approx(-np.log(1e-7))
    assert cross_entropy(certain, np.array([0])) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("shape", "labels", "message"),
    [
        ((2, 3), [0], r"Received: \(2, 3\) and \(1,\)"),
        ((2,), [0, 0], r"Expected shapes \(n, k\)"),
        ((0, 3), [], "n at least 1"),
        ((2, 3), [0, 3], "labels holds indices of no class"),
    ],
)
def test_probabilities_that_do_not_fit_are_refused(shape, labels, message):
    with pytest.raises(ValueError, match=message):
        cross_entropy(np.full(shape, 0.5), np.array(labels, dtype=int))


def test_each_class_has_its_scores_and_what_it_is_mistaken_for():
    shirt, shoe, bag = class_scores(np.array([[3, 1, 0], [0, 4, 0], [0, 0, 0]]))
    assert (shirt.images, shirt.precision, shirt.recall, shirt.mistaken_for, shirt.mistaken) == (4, 1.0, 0.75, 1, 1)
    assert (shoe.precision, shoe.recall, shoe.mistaken_for, shoe.mistaken) == (0.8, 1.0, None, 0)
    assert (bag.images, bag.precision, bag.recall, bag.f1) == (0, 0.0, 0.0, 0.0)
