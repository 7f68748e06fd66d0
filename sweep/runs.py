"""The record of who worked on a study when: one study attribute per event, never rewritten."""

import uuid
from datetime import UTC, datetime

import optuna

from sweep.environment import host_name
from sweep.standing import RUN_PREFIX, End, counted_failures


def record_begin(study: optuna.Study, event: str, *, deadline: float | None = None) -> None:
    """Record that a command began to work on a study.

    Args:
        study: The study.
        event: `start` or `join`.
        deadline: When this run's `--timeout` ends, in seconds since the epoch by the store's clock; its joiners inherit
            it.
    """
    trials = study.get_trials(deepcopy=False)
    _record(study, {"event": event, "deadline": deadline, "failures": counted_failures(trials)})


def record_end(study: optuna.Study, reason: End) -> None:
    """Record why a run ended."""
    _record(study, {"event": "ended", "reason": reason.value})


def record_stop(study: optuna.Study) -> None:
    """Ask every worker that is at work now to stop; one that begins later does not obey it."""
    _record(study, {"event": "stop"})


def stops(study: optuna.Study) -> frozenset[str]:
    """The stops asked for so far. A worker obeys those that were not there when it began: no clock is compared."""
    return frozenset(
        key for key, value in study.user_attrs.items() if key.startswith(RUN_PREFIX) and value["event"] == "stop"
    )


def running_deadline(study: optuna.Study) -> float | None:
    """The deadline of the newest start, in seconds since the epoch by the store's clock; None without one."""
    starts = sorted(
        key for key, value in study.user_attrs.items() if key.startswith(RUN_PREFIX) and value["event"] == "start"
    )
    deadline: float | None = study.user_attrs[starts[-1]]["deadline"] if starts else None
    return deadline


def _record(study: optuna.Study, event: dict[str, object]) -> None:
    # The count orders the records, for the clocks of hosts may be apart; the random end keeps two at once apart.
    order = sum(key.startswith(RUN_PREFIX) for key in study.user_attrs)
    key = f"{RUN_PREFIX}{order:06}.{uuid.uuid4().hex[:6]}"
    at = datetime.now(UTC).isoformat(timespec="seconds")
    study.set_user_attr(key, event | {"host": host_name(), "at": at})
