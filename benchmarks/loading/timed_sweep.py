"""The real `sweep` command with scripted trainers and no figures, which times its calls on the store.

    python timed_sweep.py join STUDY …

LOAD_TIMES names a folder: the process leaves a JSON file there when it ends, {CALL: [SECONDS, …]}.
"""

import atexit
import functools
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FAULTS = ROOT / "tests" / "faults"


def main() -> None:
    """Run the command."""
    sys.path.insert(0, str(FAULTS))
    os.environ["PYTHONPATH"] = os.pathsep.join([str(FAULTS), str(ROOT)])  # for the trainers
    from plain_evidence import draw_nothing

    from search_spaces.space import SearchSpace
    from sweep.cli import main as command
    from sweep.worker import ledger, loop, trainer_process

    draw_nothing(seconds=0)
    trainer_process.TRAINER_MODULE = "scripted_trainer"
    times: defaultdict[str, list[float]] = defaultdict(list)
    # Sampling is a part of claiming.
    loop.claim = _timed(loop.claim, times["claim"])
    SearchSpace.suggest = _timed(SearchSpace.suggest, times["sample"])  # type: ignore[method-assign]
    ledger.write_epoch = _timed(ledger.write_epoch, times["report"])
    ledger.write_result = _timed(ledger.write_result, times["tell"])
    path = Path(os.environ["LOAD_TIMES"], f"{os.getpid()}.json")
    atexit.register(lambda: path.write_text(json.dumps(times)))
    command.run()


def _timed(call: Callable[..., Any], seconds: list[float]) -> Callable[..., Any]:
    @functools.wraps(call)
    def timed(*arguments: Any, **named: Any) -> Any:
        began = time.perf_counter()
        try:
            return call(*arguments, **named)
        finally:
            seconds.append(time.perf_counter() - began)

    return timed


if __name__ == "__main__":
    main()
