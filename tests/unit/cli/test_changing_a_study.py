"""Commands on a study that exists: what they refuse, and that a refusal changes nothing."""

import json
import time

import numpy as np
import pytest

from storage import locate, open_store
from sweep.runs import record_begin

STUDY = "isolated-quick"
TINY = ("--family", "isolated", "--dataset", "digits", "--limit", "40", "--epochs", "1")
START = ("start", *TINY, "--timeout", "1s")
PAIRS = ("conv_layers=3", "l2=0.02", "batch_norm=true", "dropout=off")


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        (("conv_layer=3", *PAIRS[1:]), ("conv_layer", "conv_layers")),
        (PAIRS[:3], ("dropout",)),
        (("conv_layers=3", "l2=7", *PAIRS[2:]), ("l2", "0.1", "7")),
        (("conv_layers=3", "l2=lots", *PAIRS[2:]), ("l2", "lots")),
        (("conv_layers=5", *PAIRS[1:]), ("conv_layers", "3 or 4", "5")),
        ((*PAIRS, "backbone=vgg16"), ("backbone",)),
        ((*PAIRS, "l2=0.03"), ("l2",)),
        (("conv_layers", *PAIRS[1:]), ("conv_layers",)),
        ((), ("--file",)),
        ((*PAIRS, "--file", "x.json"), ("--file",)),
    ],
    ids=[
        "misspelt",
        "missing",
        "out of range",
        "mistyped",
        "no choice",
        "foreign",
        "twice",
        "no value",
        "none",
        "both",
    ],
)
def test_a_wrong_configuration_is_not_enqueued(sweep, created, nothing_changes, pairs, said):
    with nothing_changes():
        outcome = sweep("enqueue", STUDY, *pairs)
    assert outcome.code == 2
    assert all(part in outcome.err for part in said), outcome.err
    assert "Traceback" not in outcome.err
    assert len(json.loads(sweep("trials", STUDY, "--json").out)) == 10


def test_an_unknown_backbone_is_not_enqueued(sweep, workplace):
    terms = ("--family", "pretrained", "--dataset", "digits", "--limit", "40", "--weights", "none")
    assert sweep("create", *terms).code == 0
    outcome = sweep("enqueue", "pretrained-quick", "backbone=vgg61", "l2=off", "batch_norm=true", "dropout=off")
    assert outcome.code == 2
    assert "vgg61" in outcome.err
    assert "vgg16" in outcome.err
    assert len(json.loads(sweep("trials", "pretrained-quick", "--json").out)) == 4


def test_a_right_configuration_waits(sweep, created):
    assert sweep("enqueue", STUDY, *PAIRS).code == 0
    last = json.loads(sweep("trials", STUDY, "--json").out)[-1]
    assert (last["number"], last["state"], last["baseline"]) == (10, "WAITING", None)
    assert last["config"] == {
        "family": "isolated",
        "conv_layers": 3,
        "l2": 0.02,
        "batch_norm": True,
        "dropout": None,
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"config": ', ("is not JSON",)),
        ("[]", ("object",)),
        ('{"schema_version": 99, "config": {}}', ("99", "1")),
        ('{"config": {}}', ("schema version",)),
        ('{"schema_version": 1, "config": 3}', ("config",)),
        ('{"schema_version": 1, "config": {"family": "grouped", "l2": null}}', ("grouped",)),
    ],
    ids=["broken", "list", "later version", "no version", "no object", "other family"],
)
def test_a_wrong_file_is_not_enqueued(sweep, created, workplace, nothing_changes, text, said):
    (workplace / "mine.json").write_text(text)
    with nothing_changes():
        outcome = sweep("enqueue", STUDY, "--file", "mine.json")
    assert outcome.code == 2
    assert all(part in outcome.err for part in said), outcome.err
    assert "Traceback" not in outcome.err


def test_a_file_that_is_not_there_is_said(sweep, created, nothing_changes):
    with nothing_changes():
        outcome = sweep("enqueue", STUDY, "--file", "missing.json")
    assert outcome.code == 1
    assert "missing.json" in outcome.err


@pytest.mark.parametrize(
    ("options", "name", "stored", "asked"),
    [
        (("--seed", "44"), "seed", "43", "44"),
        (("--dataset", "other.npz"), "dataset_sha256", '"', '"'),
        (("--epochs", "2"), "epochs", "1", "2"),
        (("--patience", "7"), "patience", "5", "7"),
        (("--batch-size", "64"), "batch_size", "128", "64"),
        (("--limit", "50"), "limit", "40", "50"),
        (("--sampler", "random"), "sampler", '"tpe"', '"random"'),
        (("--pruner", "none"), "pruner", '"median"', '"none"'),
        (("--color",), "color", "false", "true"),
        (("--family", "grouped"), "family", '"isolated"', '"grouped"'),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_study_is_not_resumed_on_other_terms(
    sweep, created, workplace, nothing_changes, options, name, stored, asked
):
    images, labels = np.zeros((200, 28, 28), np.uint8), np.arange(200) % 10
    np.savez(workplace / "other.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    with nothing_changes():
        outcome = sweep(*START, "--study", STUDY, *options)
    assert outcome.code == 2, outcome.err
    (line,) = [line for line in outcome.err.splitlines() if line.strip().startswith(f"{name}:")]
    _, _, values = line.partition("stored ")
    before, _, after = values.partition(", asked for ")
    assert before.startswith(stored)
    assert after.startswith(asked)
    assert before != after
    assert "--study" in outcome.err
    assert len(json.loads(sweep("trials", STUDY, "--json").out)) == 10


def test_what_is_not_given_stays_as_stored(sweep, created):
    assert sweep("create", "--family", "isolated", "--study", STUDY, "--trials", 12).code == 0
    document = json.loads(sweep("status", STUDY, "--json").out)
    assert document["trials_wanted"] == 12
    assert (document["identity"]["limit"], document["waiting"]) == (40, 10)


@pytest.mark.parametrize(
    "command",
    [["status"], ["trials"], ["show", "0"], ["enqueue", *PAIRS], ["delete", "--yes"], ["export", "--out", "x"]],
    ids=lambda command: command[0],
)
def test_a_study_that_is_not_there_is_named_with_the_nearest(sweep, created, nothing_changes, command):
    name, *rest = command
    with nothing_changes():
        outcome = sweep(name, "isolated-quik", *rest)
    assert outcome.code == 2
    assert "'isolated-quik'" in outcome.err
    assert "'isolated-quick'" in outcome.err
    assert "Traceback" not in outcome.err


def test_to_join_a_study_by_a_slip_of_its_name_fails_at_once(sweep, created, nothing_changes):
    before = time.monotonic()
    with nothing_changes():
        outcome = sweep("join", "isolated-quik")
    assert outcome.code == 2
    assert "'isolated-quick'" in outcome.err
    assert time.monotonic() - before < 5


def test_a_study_is_not_deleted_unasked(sweep, created, nothing_changes):
    with nothing_changes():
        outcome = sweep("delete", STUDY)
    assert outcome.code == 2
    assert "--yes" in outcome.err
    assert sweep("delete", STUDY, "--yes").code == 0
    assert json.loads(sweep("studies", "--json").out) == []


@pytest.mark.parametrize("number", [10, 4711])
def test_a_trial_that_is_not_there_is_refused(sweep, created, number):
    outcome = sweep("show", STUDY, number)
    assert outcome.code == 2
    assert "0 to 9" in outcome.err


def test_a_study_without_a_complete_trial_has_nothing_to_export(sweep, created, nothing_changes):
    with nothing_changes():
        best, waiting = (
            sweep("export", STUDY, "--out", "x"),
            sweep("export", STUDY, "--trial", 3, "--out", "x"),
        )
    assert (best.code, waiting.code) == (2, 2)
    assert "no complete trial" in best.err
    assert "WAITING" in waiting.err


def test_an_existing_file_is_replaced_only_by_force(sweep, one_complete, workplace):
    file = workplace / "best.json"
    file.write_text("mine")
    refused = sweep("export", STUDY, "--format", "config", "--out", file)
    assert refused.code == 2
    assert "--force" in refused.err
    assert file.read_text() == "mine"
    assert sweep("export", STUDY, "--format", "config", "--out", file, "--force").code == 0
    assert json.loads(file.read_text())["trial"] == 0


def test_an_unknown_format_is_refused(sweep, one_complete, nothing_changes):
    with nothing_changes():
        outcome = sweep("export", STUDY, "--out", "x", "--format", "confg")
    assert outcome.code == 2
    assert "'config'" in outcome.err


@pytest.mark.parametrize("name", ["Möbius 2.0 +x-y_z", "研究", "100%"])
def test_a_name_with_odd_characters_is_taken_everywhere_or_refused(sweep, workplace, nothing_changes, name):
    made = sweep("create", *TINY, "--study", name)
    if made.code:
        assert (made.code, "%" in name) == (2, True)
        assert repr(name) in made.err
        return
    assert [row["study"] for row in json.loads(sweep("studies", "--json").out)] == [name]
    assert sweep("enqueue", name, *PAIRS).code == 0
    assert len(json.loads(sweep("trials", name, "--json").out)) == 11
    assert name in sweep("status", name).out
    assert sweep("delete", name, "--yes").code == 0


def test_joining_after_the_time_of_the_run_is_over_trains_nothing_and_says_so(sweep, created):
    with open_store(locate(None, created), write=True) as store:
        record_begin(store.load(STUDY), "start", deadline=store.now() - 1)
    outcome = sweep("join", STUDY)
    assert outcome.code == 0
    assert "The time of its last run (--timeout) is over; `sweep start` gives it another." in outcome.err
    assert {trial["state"] for trial in json.loads(sweep("trials", STUDY, "--json").out)} == {"WAITING"}
    assert json.loads(sweep("status", STUDY, "--json").out)["hosts"] == []
