"""Who works on a study now, how fast that goes, and what waits: read with SQL, like all counts."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Row

from storage.selecting import text_in, with_or_without
from storage.tally import QUEUED_AS, Operation, Pace, RunningWork, working_hosts

PACE_SECONDS = 3600.0  # a rate is taken over so long at most

Ask = Callable[..., Sequence[Row[Any]]]

# Seconds since a trial's last heartbeat by the database's own clock, which wrote it: those of the hosts may be apart.
SILENCE = {
    "sqlite": "(julianday('now') - julianday(trial_heartbeats.heartbeat)) * 86400.0",
    "postgresql": "extract(epoch FROM LOCALTIMESTAMP - trial_heartbeats.heartbeat)",
}
# Seconds between a trial's beginning and its end by the clocks of the hosts that wrote them: one host's, unless another
# one gave the trial up.
LASTED = {
    "sqlite": "(julianday(trials.datetime_complete) - julianday(trials.datetime_start)) * 86400.0",
    "postgresql": "extract(epoch FROM trials.datetime_complete - trials.datetime_start)",
}
HEARTBEATS = "JOIN trial_heartbeats ON trial_heartbeats.trial_id = trials.trial_id"


def read_operation(ask: Ask, *, dialect: str) -> Operation:
    """How a study is worked on.

    Args:
        ask: Runs a SELECT with the study as `:study`, and with other values by name.
        dialect: The database, as SQLAlchemy calls it.
    """
    return Operation(hosts=working_hosts(_running(ask, SILENCE[dialect])), queue=_queue(ask), pace=_pace(ask, dialect))


def _running(ask: Ask, silence: str) -> list[RunningWork]:
    rows = ask(
        f"""
        SELECT host.value_json AS host, worker.value_json AS worker, slots.value_json AS slots, {silence} AS silence
        FROM trials {with_or_without("host")} {with_or_without("worker")} {with_or_without("slots")} LEFT {HEARTBEATS}
        WHERE trials.study_id = :study AND trials.state = 'RUNNING'
        """  # noqa: S608 - made of names in storage
    )
    return [
        RunningWork(
            host=text_in(row.host),
            worker=text_in(row.worker),
            slots=None if row.slots is None else json.loads(row.slots),
            silent_seconds=None if row.silence is None else max(0.0, float(row.silence)),
        )
        for row in rows
    ]


def _queue(ask: Ask) -> dict[str, int]:
    kinds = " ".join(f"WHEN {name}.trial_id IS NOT NULL THEN '{kind}'" for name, kind in QUEUED_AS.items())
    joined = " ".join(with_or_without(name) for name in QUEUED_AS)
    rows = ask(
        f"""
        SELECT CASE {kinds} ELSE 'other' END AS kind, count(*) AS trials FROM trials {joined}
        WHERE trials.study_id = :study AND trials.state = 'WAITING' GROUP BY 1
        """  # noqa: S608
    )
    return {row.kind: row.trials for row in rows}


def _pace(ask: Ask, dialect: str) -> Pace | None:
    silence, lasted = SILENCE[dialect], LASTED[dialect]
    # A trial has one heartbeat, its last: how long it lasted comes on top of that. A clock that is behind takes nothing
    # off; what counts twice, from the last heartbeat to the end, is seconds where the trial's own worker ended it.
    # One that runs counts with its silence alone: when it began is told by the clock of its host, and not by this one.
    ((longest,),) = ask(
        f"""
        SELECT max({silence} + CASE WHEN {lasted} > 0 THEN {lasted} ELSE 0 END) AS age FROM trials {HEARTBEATS}
        WHERE trials.study_id = :study
        """  # noqa: S608
    )
    if longest is None:
        return None
    ((finished,),) = ask(
        f"""
        SELECT count(*) AS trials FROM trials {with_or_without("reused_from")} {HEARTBEATS}
        WHERE trials.study_id = :study AND trials.state IN ('COMPLETE', 'PRUNED')
            AND reused_from.trial_id IS NULL AND {silence} <= :seconds
        """,  # noqa: S608
        seconds=PACE_SECONDS,  # not a moment less: the first trial of a young study is a moment older by now
    )
    return Pace(finished=finished, seconds=min(PACE_SECONDS, max(1.0, float(longest))))
