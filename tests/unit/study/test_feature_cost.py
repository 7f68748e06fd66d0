"""What a study and whoever watches it are told of the features of frozen backbones."""

import io
from types import SimpleNamespace

import optuna
import pytest
from rich.console import Console

from sweep.cli.display import LineDisplay, LiveDisplay
from sweep.messages import EpochEnd, Evaluation, Progress, Result
from sweep.worker.ledger import write_result


@pytest.fixture
def result():
    """What a trainer answers after one epoch on a frozen backbone."""

    def make(features_seconds):
        evaluation = Evaluation(confusion_matrix=((1, 0), (0, 1)), cross_entropy=0.0, loss=0.0)
        end = EpochEnd(trial=0, epoch=1, loss=1.0, accuracy=0.5, val_loss=1.0, val_accuracy=0.5, seconds=1.0)
        return Result(
            trial=0,
            best_epoch=1,
            validation=evaluation,
            test=None,
            train_seconds=1.0,
            images_per_second=None,
            dtype_policy="float32",
            features_seconds=features_seconds,
            history=(end,),
        )

    return make


@pytest.mark.parametrize(("seconds", "told"), [(12.5, 12.5), (0.0, 0.0), (None, None)])
def test_a_trial_says_what_its_features_cost(result, seconds, told):
    study = optuna.create_study(direction="maximize")
    write_result(study, study.ask(), result(seconds))
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
