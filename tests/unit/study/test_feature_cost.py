"""What a study and whoever watches it are told of the features of frozen backbones."""

import io
from types import SimpleNamespace

import optuna
import pytest
from rich.console import Console

from sweep.cli.display import LineDisplay, LiveDisplay
from sweep.messages import Progress
from sweep.worker.ledger import write_result


@pytest.mark.parametrize(("seconds", "told"), [(12.5, 12.5), (0.0, 0.0), (None, None)])
def test_a_trial_says_what_its_features_cost(make_result, seconds, told):
    study = optuna.create_study(direction="maximize")
    write_result(study, study.ask(), make_result(features_seconds=seconds))
    assert study.trials[0].user_attrs.get("features_seconds") == told
    assert ("features_seconds" in study.trials[0].user_attrs) is (told is not None)


@pytest.fixture
def shown():
    """Show progress of two trials; returns what is on the terminal, and what stays of it."""

    def show(kind, *said):
        console = Console(file=io.StringIO(), width=120)
        display = kind(console, best=None, finished=0, wanted=4, slots=2, remaining=lambda: None)
        picture = ""
        with display:
            for number, share in said:
                work = SimpleNamespace(number=number, title="vgg16", history=[], job=SimpleNamespace(epochs=9))
                progress = Progress(
                    trial=number, epoch=None, fraction=share, images_per_second=250.0, features_of="vgg16"
                )
                display.trial_started(work)
                display.progress(work, progress)
            if kind is LiveDisplay:
                with console.capture() as captured:
                    console.print(display._picture())
                picture = captured.get()
        return picture, console.file.getvalue()

    return show


def test_a_log_says_once_for_each_trial_that_features_are_computed(shown):
    _, lines = shown(LineDisplay, (3, 0.0), (4, 0.1), (3, 0.5), (4, 0.5))
    assert lines.count("trial 3  features of vgg16") == lines.count("trial 4  features of vgg16") == 1


def test_the_live_picture_says_how_far_the_features_are(shown):
    picture, _ = shown(LiveDisplay, (3, 0.4))
    assert "features of vgg16  40 %" in picture
    assert "250 images/s" in picture
