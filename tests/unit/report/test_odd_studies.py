"""Studies that went badly, or were made by an older version, still give a useful page."""

import optuna
import pytest

from sweep.data.dataset import DataReference, load_dataset
from sweep.errors import UsageError
from sweep.identity import ATTRIBUTE
from sweep.report.data import find_data
from sweep.report.facts import gather
from sweep.report.images import data, mistakes

NAN, INFINITE = float("nan"), float("inf")


@pytest.fixture
def both_texts(as_html, as_markdown):
    def make(study):
        assert as_html(study).rstrip().endswith("</html>")
        return as_markdown(study)

    return make


def told_by(section):
    return " ".join(getattr(block, "text", "") for block in section.blocks)


@pytest.mark.parametrize(
    ("trials", "said"),
    [
        ([], "No model yet"),
        ([{"state": "RUNNING", "hits": None, "config": None}], "1 running"),
        ([{"state": "FAIL", "hits": None, "attributes": {"failure": "nan"}}], "no message"),
        ([{"state": "FAIL", "hits": None, "config": None}], "unknown"),
        ([{"state": "PRUNED", "hits": None, "value": 0.3}], "1 trial was pruned"),
        ([{"hits": 5500}], "1 different trials are complete"),
    ],
    ids=["empty", "running", "failed", "failed without a word", "pruned", "one"],
)
def test_a_study_that_has_hardly_begun_has_a_page(make_study, told, both_texts, trials, said):
    assert said in both_texts(make_study([told(**trial) for trial in trials]))


def test_trials_that_recorded_nothing_but_a_value_have_a_page(make_study, told, both_texts):
    text = both_texts(make_study([told(hits=None, value=0.8, config=None), told(hits=None, value=0.9, config=None)]))
    assert "Deploy trial 1" in text
    assert "recorded no confusion matrix" in text
    assert "recorded no history" in text
    assert "No complete trial recorded its cost" in text


@pytest.mark.long
@pytest.mark.parametrize(
    "attributes",
    [
        {"val_loss": NAN, "test_accuracy": NAN, "train_seconds": INFINITE},
        {"forward_macs": NAN, "parameters": INFINITE, "epochs_run": NAN, "best_epoch": NAN},
        {"history": {"epoch": [1, 2], "val_accuracy": [NAN, 0.5], "loss": [INFINITE, None], "seconds": [NAN, 1.0]}},
        {"history": {"epoch": [1, 2], "val_accuracy": [0.5]}},
        {"history": "none", "val_confusion_matrix": [[1, 2]], "versions": "3.15", "config": {}},
        {"val_confusion_matrix": [[5, 1], [0, 4]], "test_confusion_matrix": [], "forward_macs": "many"},
        {"val_confusion_matrix": [[0] * 10] * 10},
    ],
    ids=["not finite", "cost not finite", "curves not finite", "uneven", "no history", "other classes", "no images"],
)
def test_measures_that_make_no_sense_cost_no_page(make_study, told, as_html, attributes):
    study = make_study(
        [told(attributes=attributes), told(hits=5400, attributes={"baseline": "isolated-1"} | attributes)]
    )
    assert "Deploy trial 0" in as_html(study)


def test_an_infinite_value_is_never_the_best(make_study, told, both_texts):
    study = make_study([told(hits=5400), told(value=INFINITE, config={"l2": 0.01})])
    assert study.best.number == 0
    assert "Deploy trial 0" in both_texts(study)


def test_a_study_of_another_tool_is_refused(tmp_path):
    study = optuna.create_study(study_name="theirs")
    with pytest.raises(UsageError, match="'theirs' was not made by sweep"):
        gather(study, key="s1", files=None, home=tmp_path, where="")


def test_an_identity_that_this_version_cannot_read_is_refused_by_what_it_lacks(tmp_path):
    study = optuna.create_study(study_name="older")
    study.set_user_attr(ATTRIBUTE, {"family": "isolated"})
    with pytest.raises(UsageError, match=r"another version of sweep: its identity has no valid 'without'"):
        gather(study, key="s1", files=None, home=tmp_path, where="")


@pytest.mark.parametrize("damage", ["deleted", "damaged"])
def test_a_picture_that_is_gone_is_said_to_be_gone(make_study, told, picture, damage):
    study = make_study([told(artifacts=((3, "4-worst-confusions.png", picture), (4, "5-features.png", picture)))])
    assert [block.kind for block in mistakes(study).blocks] == ["photograph", "photograph"]
    path = study.files.artifacts.path(study.best.artifacts[0].artifact_id)
    path.unlink() if damage == "deleted" else path.write_text("not a picture")
    assert sorted(block.kind for block in mistakes(study).blocks) == ["paragraph", "photograph"]
    assert "its file is not here" in told_by(mistakes(study))


def test_a_trial_without_pictures_says_so(make_study, told):
    assert told_by(mistakes(make_study([told()]))).count("recorded no such picture") == 2


def test_images_that_are_here_are_counted_and_shown(make_study, tmp_path):
    digits = load_dataset(DataReference(name="digits", cache_dir=tmp_path))
    study = make_study([], dataset="digits", dataset_sha256=digits.sha256, labels=digits.labels, limit=50, epochs=4)
    section = data(study, find_data(study.identity, cache=tmp_path, data_dir=None))
    table = next(block for block in section.blocks if block.kind == "table")
    assert table.rows[-1].cells == ["all", "50", "50", "50"]
    assert [row.cells[0] for row in table.rows[:-1]] == list(digits.labels)
    (shown,) = (block for block in section.blocks if block.kind == "picture")
    assert [len(images) for images in shown.draw.args[0]] == [5] * 10


def test_images_that_are_not_here_or_others_are_left_out_with_the_reason(make_study, tmp_path):
    missing = make_study([], name="missing", dataset=str(tmp_path / "gone.npz"))
    found = find_data(missing.identity, cache=tmp_path, data_dir=None)
    assert "the images are not on this host" in told_by(data(missing, found))
    other = make_study([], name="other", dataset="digits", dataset_sha256="other")
    assert "holds other images here" in told_by(data(other, find_data(other.identity, cache=tmp_path, data_dir=None)))


def test_what_differs_within_a_study_is_told_by_trial(whole_markdown):
    text = whole_markdown
    assert "**Not the same for all trials.** host:" in text
    assert "| host, too | two | 17 |" in text


def test_failures_prunings_repeats_and_retries_are_counted(whole_markdown):
    text = whole_markdown
    assert "| crash | 1 | 16 | its trainer died: signal 11 |" in text
    assert "1 trial was pruned (14), which saved 47 epochs." in text
    assert "trial 15 as 12" in text
    assert "20, of which 1 retry after a crash or an interruption" in text


def test_looks_at_the_test_images_are_counted_and_strangers_among_them_named(
    make_study, told, whole_markdown, as_markdown
):
    assert "10 trials were measured on the test images: 0\N{EN DASH}9." in whole_markdown
    peeked = make_study([told(attributes={"test_accuracy": 0.9})], name="peeked")
    assert "Trials 0 are no reported experiments." in as_markdown(peeked)
