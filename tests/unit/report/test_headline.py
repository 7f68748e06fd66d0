"""Which model the page recommends, and why."""

import pytest

from sweep.report.headline import headline_of
from sweep.report.noise import difference, standard_error

QUICK = {"limit": 200, "epochs": 4}


def texts_of(study):
    headline = headline_of(study)
    texts = []
    for block in headline.box:
        for each in (getattr(block, "text", None), *getattr(block, "items", ()), *getattr(block, "lines", ())):
            texts.append(each or "")
        texts += [f"{name}: {value}" for name, value in getattr(block, "rows", ())]
    return headline, "\n".join(texts)


def test_a_searched_trial_that_beats_the_baselines_is_recommended_with_the_reasons(whole_study):
    headline, box = texts_of(whole_study)
    assert headline.sentence == (
        "Deploy trial 12, conv_layers=4 l2=0.0011 batch_norm=on dropout=off: 95.00 % validation accuracy, "
        "2.73 points above the best baseline, isolated-10."
    )
    assert not headline.warn
    assert "highest validation accuracy of 16 complete trials" in box
    assert "more than chance explains" in box
    assert "Size: 6,893,194 parameters, 159.7 MMACs an image" in box
    assert "sweep export isolated --trial 12 --out model" in box
    assert "not measured: only reported experiments see the test images" in box


def test_a_cheaper_network_that_is_as_good_is_named(whole_study):
    _, box = texts_of(whole_study)
    assert "trial 13, conv_layers=3 l2=0.0009 batch_norm=on dropout=off, is not distinguishable from it" in box
    assert "1.3 times fewer MACs" in box


def test_a_difference_within_two_standard_errors_is_not_distinguishable(make_study, told):
    study = make_study([told(hits=5500, attributes={"baseline": "isolated-1"}), told(hits=5520, config={"l2": 0.01})])
    headline, box = texts_of(study)
    assert headline.sentence.endswith(
        "92.00 % validation accuracy, not distinguishable from the best baseline, isolated-1."
    )
    assert "within the noise" in box


def test_a_reported_experiment_that_is_ahead_is_recommended_with_its_test_accuracy(make_study, told):
    study = make_study([told(hits=5520, attributes={"baseline": "isolated-1"}), told(hits=5400, config={"l2": 0.01})])
    headline, box = texts_of(study)
    assert headline.sentence == "Deploy trial 0, isolated-1: 92.00 % validation accuracy."
    assert "It is the reported experiment isolated-1 itself: the best that the search found is trial 1" in box
    assert "Test accuracy: 91.70 % on 10,000 images, standard error 0.28 points" in box
    assert "9 of 10 reported experiments have no result here" in box


def test_a_quick_look_recommends_nothing(make_study, told):
    study = make_study([told(hits=5520)], name="isolated-quick", **QUICK)
    headline, box = texts_of(study)
    assert headline.warn
    assert headline.sentence.startswith("Nothing to deploy yet; ahead so far is trial 0")
    assert "trained on at most 200 images and 4 epochs" in box
    assert "Do not deploy" in box


@pytest.mark.parametrize(
    ("states", "said"),
    [
        ((), "sweep join isolated"),
        (("FAIL",), "The section on failures says what went wrong"),
        (("PRUNED", "PRUNED"), "A pruned trial has no weights"),
    ],
    ids=["no trial", "failed", "pruned"],
)
def test_without_a_complete_trial_the_way_on_is_shown(make_study, told, states, said):
    headline, box = texts_of(make_study([told(hits=None, value=0.5, state=state) for state in states]))
    assert headline.sentence == "No model yet: no trial is complete."
    assert headline.warn
    assert said in box


def test_a_single_trial_is_recommended_without_being_the_highest_of_many(make_study, told):
    _, box = texts_of(make_study([told()]))
    assert "It has the only complete trial." not in box
    assert "It is the only complete trial." in box
    assert "no baseline to hold it against" in box


def test_trials_without_a_matrix_cannot_be_told_apart(make_study, told):
    old = {"val_confusion_matrix": None}
    study = make_study([told(hits=5500, attributes={"baseline": "isolated-1"} | old), told(hits=5600, attributes=old)])
    _, box = texts_of(study)
    assert "cannot be said" in box
    assert "Validation accuracy: 93.33 %\n" in box


def test_weights_are_named_where_they_are_and_missed_where_they_are_not(make_study, told):
    study = make_study([told()])
    _, box = texts_of(study)
    assert "train the configuration again. It was trained on host one." in box
    path = study.files.weights(0)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x" * 1500)
    _, box = texts_of(study)
    assert f"Weights: {study.home / 'weights/isolated/0.weights.npz'} on host" in box
    assert "(1.5 kB)" in box


def test_a_repeat_is_never_the_best(make_study, told):
    study = make_study([told(hits=5600), told(hits=5600, attributes={"reused_from": 0})])
    assert study.best.number == 0
    assert [trial.number for trial in study.ranked] == [0]


def test_the_standard_error_is_the_binomial_one():
    assert standard_error(0.5, 100) == pytest.approx(0.05)
    assert standard_error(0.9, 10_000) == pytest.approx(0.003)
    both = difference(0.9, 10_000, 0.89, 10_000)
    assert both.points == pytest.approx(1.0)
    assert both.noise == pytest.approx(200 * (0.09 / 10_000 + 0.0979 / 10_000) ** 0.5)
    assert both.is_distinguishable
    assert not difference(0.9, 1_000, 0.89, 1_000).is_distinguishable


def test_no_accuracy_is_certain_not_even_one_without_a_mistake():
    assert standard_error(1.0, 20) == pytest.approx(standard_error(0.0, 20))
    assert standard_error(1.0, 20) > 0.03
    assert not difference(1.0, 20, 0.95, 20).is_distinguishable
