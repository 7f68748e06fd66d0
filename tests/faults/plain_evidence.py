"""Evidence without pictures: a trial leaves real tables and blank images, for drawing takes longer than all else."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

from sweep import evidence, showcase
from sweep.messages import HISTORY_COLUMNS, EpochEnd, Result

BLANK = b"not drawn"


def draw_nothing(*, seconds: float, page_seconds: float | None = None) -> None:
    """Let this process draw no figure, and take so many seconds for it, and others for the study's page if given."""
    evidence.prepare = lambda: None
    evidence.draw_ahead = lambda subject: None
    evidence.of_complete = _in(seconds, _of_complete)
    evidence.of_cut = _in(seconds, _of_cut)
    showcase.refresh = _in(seconds if page_seconds is None else page_seconds, lambda *_: None)


def _in(seconds: float, make: Callable[..., Any]) -> Callable[..., Any]:
    def slowly(*arguments: Any, **named: Any) -> Any:
        threading.Event().wait(seconds)
        return make(*arguments, **named)

    return slowly


def _of_complete(subject: evidence.Subject, result: Result, *, with_features: bool) -> list[evidence.Exhibit]:
    return [_blank(evidence.CURVES), _blank(evidence.MATRIX), _history(result.history)]


def _of_cut(subject: evidence.Subject, history: Sequence[EpochEnd], *, pruned: bool) -> list[evidence.Exhibit]:
    return [_blank(evidence.CURVES), _history(history)] if history else []


def _blank(place: tuple[int, str]) -> evidence.Exhibit:
    return evidence.Exhibit(order=place[0], filename=place[1], content=BLANK)


def _history(history: Sequence[EpochEnd]) -> evidence.Exhibit:
    columns = HISTORY_COLUMNS
    rows = [",".join(columns), *(",".join(str(getattr(end, name)) for name in columns) for end in history)]
    return evidence.Exhibit(
        order=evidence.HISTORY[0], filename=evidence.HISTORY[1], content="\n".join([*rows, ""]).encode()
    )
