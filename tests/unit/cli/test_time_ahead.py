"""What is said of the time that a run will take."""

import io
import time
from types import SimpleNamespace

import pytest
from rich.console import Console

from sweep.cli.display import LineDisplay, LiveDisplay
from sweep.messages import Progress


@pytest.fixture
def show():
    """Show a display's first progress of a study of four trials, each of an hour; returns the display and its lines."""

    def shown(kind, *, deadline):
        console, known = Console(file=io.StringIO(), width=120), []
        display = kind(
            console,
            best=None,
            finished=0,
            wanted=4,
            slots=1,
            remaining=lambda: 4 * 3600.0 if known else None,
            deadline=deadline,
        )
        known.append(True)
        work = SimpleNamespace(number=0, title="", history=[], job=SimpleNamespace(epochs=9))
        progress = Progress(trial=0, epoch=1, fraction=0.5, images_per_second=250.0, features_of=None)
        with display:
            display.trial_started(work)
            display.progress(work, progress)
            picture = display._picture() if kind is LiveDisplay else ""
            if picture:
                with console.capture() as captured:
                    console.print(picture)
                picture = captured.get()
        return display, console.file.getvalue() + picture

    return shown


@pytest.mark.parametrize("kind", [LineDisplay, LiveDisplay])
def test_a_run_without_an_end_says_how_long_all_trials_take(show, kind):
    display, said = show(kind, deadline=None)
    assert "At this rate it takes at most 4 h." in said
    assert display.seconds_left() == pytest.approx(4 * 3600, abs=60)


@pytest.mark.parametrize("kind", [LineDisplay, LiveDisplay])
def test_a_run_that_ends_before_says_so(show, kind):
    display, said = show(kind, deadline=time.monotonic() + 3600)
    assert "At this rate it takes at most 4 h, and this run ends after 1 h." in said
    assert display.seconds_left() == pytest.approx(3600, abs=60)
    if kind is LiveDisplay:
        assert "about 1 h left" in said or "about 60 min left" in said


def test_nothing_is_left_once_a_run_is_late(show):
    display, _ = show(LineDisplay, deadline=time.monotonic() - 5)
    assert display.seconds_left() == 0
