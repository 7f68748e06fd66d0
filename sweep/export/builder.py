"""The builder as the exporting process sees it: a process that tells its steps, then the facts."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from sweep.environment import computing_environment, cpu_count
from sweep.errors import WorldError
from sweep.export.specification import Specification

BUILDER_MODULE: Final = "sweep.export.build"
_SHOWN_LINES: Final = 15  # of what a builder said that ended without an answer


def run_builder(wanted: Specification, say: Callable[[str], None]) -> dict[str, Any]:
    """Build in a process of its own; it is gone when this returns or raises.

    Args:
        wanted: What to build.
        say: Told of each step that is done.

    Returns:
        See `sweep.export.build.build`.

    Raises:
        WorldError: If it cannot be built, or the builder ends without an answer.
    """
    with tempfile.TemporaryFile() as log:
        # In a session of its own: Ctrl-C reaches this process alone, which then ends the builder.
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", BUILDER_MODULE],
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
        try:
            facts, problem = _converse(process, wanted, say)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            code = process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with suppress(OSError):
                        stream.close()
        if facts is not None:
            return facts
        log.seek(0)
        raise WorldError(_death(code, log.read()) if problem is None else problem)


def _converse(
    process: "subprocess.Popen[str]", wanted: Specification, say: Callable[[str], None]
) -> tuple[dict[str, Any] | None, str | None]:
    """What the builder found, or what it complains of; neither if it died."""
    if process.stdin is None or process.stdout is None:
        raise TypeError("a builder is spoken to over pipes")
    with suppress(OSError):  # it died at once, which is seen below
        process.stdin.write(wanted.to_json() + "\n")
        process.stdin.flush()
    for line in process.stdout:
        document = json.loads(line)
        if "step" in document:
            say(document["step"])
        else:
            return document.get("facts"), document.get("error")
    process.wait()
    return None, None


def _environment() -> dict[str, str]:
    threads = str(cpu_count())
    return computing_environment() | {
        "KERAS_BACKEND": "tensorflow",  # SavedModel is TensorFlow's
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # a sweep may be at work on the same GPU
        "TF_NUM_INTRAOP_THREADS": threads,
        "OMP_NUM_THREADS": threads,
    }


def _death(code: int, log: bytes) -> str:
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    last = log.decode(errors="replace").strip().splitlines()[-_SHOWN_LINES:]
    said = "\n".join(["Its last words:", *(f"  {line}" for line in last)]) if last else "It said nothing."
    return f"The process that builds the model ended with {how}; nothing was exported. {said}"
