"""The little that a claim must know at the moment it is made, read with SQL.

Optuna reads every running trial whole, with all its attributes and reports: for 64 of them a tenth of a second, in
which no other worker may claim. The columns read here are the same in every schema since Optuna 3.0.
"""

import json
from dataclasses import dataclass

from sqlalchemy import Connection, text

from storage.selecting import text_in, with_or_without


@dataclass(frozen=True, kw_only=True)
class Glimpse:
    """One trial, as little as is needed of it.

    Attributes:
        trial_id: Its row.
        number: Of the trial.
        is_running: Whether it was claimed, and has not ended.
        worker: Who claimed it; None before it has a name on it.
        draw: Which draw of the study it is, from 1; 0 for none.
    """

    trial_id: int
    number: int
    is_running: bool
    worker: str | None
    draw: int


@dataclass(frozen=True, kw_only=True)
class Glance:
    """A study at one moment.

    Attributes:
        states: Trials by state; a state without trials may be missing.
        trials: Those that have not finished, and all that are new.
    """

    states: dict[str, int]
    trials: tuple[Glimpse, ...]


def take_glance(connection: Connection, study_id: int, *, since: int) -> Glance:
    """Look at a study.

    Args:
        connection: To its store.
        study_id: Its row.
        since: The first number that is new.
    """
    states = connection.execute(
        text("SELECT state, count(*) AS trials FROM trials WHERE study_id = :study GROUP BY state"), {"study": study_id}
    )
    counted = {row.state: row.trials for row in states}
    trials = connection.execute(
        text(
            f"""
            SELECT trials.trial_id, trials.number, trials.state, worker.value_json AS worker, draw.value_json AS draw
            FROM trials {with_or_without("worker")} {with_or_without("draw")}
            WHERE trials.study_id = :study AND (trials.state IN ('RUNNING', 'WAITING') OR trials.number >= :since)
            ORDER BY trials.number
            """  # noqa: S608 - made of names in storage
        ),
        {"study": study_id, "since": since},
    )
    return Glance(
        states=counted,
        trials=tuple(
            Glimpse(
                trial_id=row.trial_id,
                number=row.number,
                is_running=row.state == "RUNNING",
                worker=text_in(row.worker),
                draw=0 if row.draw is None else json.loads(row.draw),
            )
            for row in trials
        ),
    )
