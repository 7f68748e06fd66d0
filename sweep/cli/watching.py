"""A status that is drawn again until its study has ended: in place on a terminal, else a block for each change."""

import signal
import time
from collections.abc import Callable
from types import FrameType

from rich.console import Console
from rich.live import Live
from rich.text import Text

from storage import StorageError
from sweep.cli.streams import notes, out

WATCH_SECONDS = 2.0  # between two looks

Look = Callable[[], tuple[list[str], bool]]


def watch(look: Look, *, console: Console = out, wait: Callable[[float], None] = time.sleep) -> None:
    """Show lines again and again until they say that it is over; Ctrl-C and SIGTERM end it earlier.

    A store that does not answer is asked again, once it has answered; a first look that fails is an error.

    Args:
        look: Returns the lines, and whether they are the last.
        console: Where they go. Default: standard output.
        wait: Waits so many seconds. Default: `time.sleep`.

    Raises:
        KeyboardInterrupt: On Ctrl-C.
        SystemExit: On SIGTERM, with 143.
    """
    lines, is_last = look()
    before = signal.signal(signal.SIGTERM, _leave)  # else a terminal would be left without its cursor
    try:
        if console.is_terminal:
            with Live(_block(lines), console=console, auto_refresh=False) as live:
                while not is_last:
                    wait(WATCH_SECONDS)
                    lines, is_last, trouble = _look_again(look, lines)
                    live.update(_block(lines, trouble), refresh=True)
            return
        _print(console, lines)
        silent = False
        while not is_last:
            wait(WATCH_SECONDS)
            shown = lines
            lines, is_last, trouble = _look_again(look, lines)
            if trouble is not None and not silent:
                notes.print(trouble)
            silent = trouble is not None
            if lines != shown:
                console.print()
                _print(console, lines)
    finally:
        signal.signal(signal.SIGTERM, before)


def _look_again(look: Look, lines: list[str]) -> tuple[list[str], bool, str | None]:
    """New lines, whether they are the last, and what is wrong; the old lines where the store does not answer."""
    try:
        return *look(), None
    except StorageError as error:
        return lines, False, f"{error} It is asked again every {WATCH_SECONDS:.0f} seconds."


def _block(lines: list[str], trouble: str | None = None) -> Text:
    heading, *rest = lines
    text = Text(heading, style="bold")
    for line in rest:
        text.append(f"\n{line}", style="not bold")
    if trouble is not None:
        text.append(f"\n{trouble}", style="not bold yellow")
    return text


def _print(console: Console, lines: list[str]) -> None:
    for line in lines:
        console.print(line)
    console.file.flush()  # who reads a pipe waits for the block, not for a full buffer


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + signal.SIGTERM)
