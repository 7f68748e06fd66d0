"""Counts of a study's trials, read with SQL: Optuna loads every trial whole, 13 seconds for 10,000.

Nothing is written here. A schema of another version than those known here is left to Optuna.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Row, text

from storage.connecting import database_errors, make_brief_engine, reading_url, schema_version
from storage.errors import UnknownStudyError
from storage.location import Location
from storage.operating import read_operation
from storage.selecting import number_in, text_in, with_attribute, with_or_without
from storage.tally import CALLED_BY, Best, Course, Operation, Proposal, RunningTrial, Tally, TrainedWith

SCHEMAS = frozenset({"v3.2.0.a"})  # what the tables below were read in: Optuna 5.0's
STATES = ("RUNNING", "COMPLETE", "PRUNED", "FAIL", "WAITING")
NO_TRIAL = -1  # below every number


class Counts:
    """The studies of one store, as they were when it was opened, whatever is written meanwhile.

    Args:
        connection: To the store, or None where nothing was stored yet.
    """

    def __init__(self, connection: Connection | None) -> None:
        self._connection = connection

    def study_names(self) -> list[str]:
        """The names of all studies, in the order of their creation."""
        if self._connection is None:
            return []
        found = self._connection.execute(text("SELECT study_name FROM studies ORDER BY study_id"))
        return [row.study_name for row in found]

    def study(self, name: str) -> "SqlStudy":
        """A study to be counted.

        Raises:
            UnknownStudyError: If the store does not hold it; the message names the nearest one.
        """
        if self._connection is None:
            raise UnknownStudyError(name, [])
        asked = text("SELECT study_id FROM studies WHERE study_name = :name")
        study_id = self._connection.execute(asked, {"name": name}).scalar()
        if study_id is None:
            raise UnknownStudyError(name, self.study_names())
        return SqlStudy(self._connection, name, study_id)


@contextmanager
def open_counts(location: Location) -> Iterator[Counts | None]:
    """Open a store to count in it; creates nothing.

    Args:
        location: The store.

    Returns:
        Its studies, or None where its schema is not known here: then Optuna has to load the trials.

    Raises:
        StorageError: If the store cannot be opened or reached within ten seconds.
    """
    url = reading_url(location)
    if url is None:
        yield Counts(None)
        return
    with database_errors(location), make_brief_engine(location, url).connect() as connection:
        version = schema_version(connection)
        connection.rollback()
        _see_one_moment(connection)
        yield Counts(None) if version is None else Counts(connection) if version in SCHEMAS else None


def _see_one_moment(connection: Connection) -> None:
    """Have all that is read from here on be of one moment: counts of two moments do not add up."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN")  # which Python's driver leaves out before a SELECT
    else:
        connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


class SqlStudy:
    """One study, counted by the database; a `CountedStudy`.

    Args:
        connection: To its store.
        study_name: Its name.
        study_id: Its row.
    """

    def __init__(self, connection: Connection, study_name: str, study_id: int) -> None:
        self.study_name = study_name
        self._connection = connection
        self._study_id = study_id
        rows = self._rows("SELECT key, value_json FROM study_user_attributes WHERE study_id = :study")
        self.user_attrs: Mapping[str, Any] = {row.key: json.loads(row.value_json) for row in rows}

    def states(self) -> Mapping[str, int]:
        """Trials in each state."""
        rows = self._rows("SELECT state, count(*) AS trials FROM trials WHERE study_id = :study GROUP BY state")
        return dict.fromkeys(STATES, 0) | {row.state: row.trials for row in rows}

    def tally(self, *, proposals: int) -> Tally:
        """What decides whether it has ended, see `CountedStudy`."""
        (row,) = self._rows(
            "SELECT max(number) AS number FROM trials WHERE study_id = :study AND state IN ('COMPLETE', 'PRUNED')"
        )
        return Tally(
            states=self.states(),
            best=self._best(),
            failures=self._failures(after=NO_TRIAL),
            failures_in_a_row=self._failures(after=NO_TRIAL if row.number is None else row.number),
            last_proposals=self._last_proposals(proposals),
        )

    def course(self, *, running: int) -> Course:
        """What people want to know besides, see `CountedStudy`."""
        return Course(
            running=self._running(running), pruned_after=self._pruned_after(), trained_with=self._trained_with()
        )

    def operation(self) -> Operation:
        """Who works on it and what waits, see `CountedStudy`."""
        return read_operation(self._rows, dialect=self._connection.dialect.name)

    def _best(self) -> Best | None:
        rows = self._rows(
            """
            SELECT trials.number, trial_values.value, trial_values.value_type
            FROM trials JOIN trial_values ON trial_values.trial_id = trials.trial_id
            WHERE trials.study_id = :study AND trials.state = 'COMPLETE'
                AND (SELECT count(*) FROM study_directions WHERE study_id = :study) = 1
            ORDER BY CASE trial_values.value_type WHEN 'INF_POS' THEN 0 WHEN 'FINITE' THEN 1 ELSE 2 END,
                trial_values.value DESC, trials.number
            LIMIT 1
            """
        )
        return next((Best(number=row.number, value=number_in(row.value, row.value_type)) for row in rows), None)

    def _failures(self, *, after: int) -> Mapping[str | None, int]:
        rows = self._rows(
            f"""
            SELECT failure.value_json AS kind, count(*) AS trials FROM trials {with_or_without("failure")}
            WHERE trials.study_id = :study AND trials.state = 'FAIL' AND trials.number > :after
            GROUP BY failure.value_json
            """,  # noqa: S608 - made of names in this module
            after=after,
        )
        found: Counter[str | None] = Counter()
        for row in rows:
            found[text_in(row.kind)] += row.trials
        return dict(found)

    def _last_proposals(self, count: int) -> tuple[Proposal, ...]:
        # Positive integers as JSON: the longer text is the greater number. A cast would fail at other tools' values.
        newest = "length(draw.value_json) DESC, draw.value_json DESC, trials.number DESC"
        rows = self._rows(
            f"""
            SELECT reused_from.trial_id AS reused, failure.value_json AS kind
            FROM trials {with_attribute("draw")} {with_or_without("reused_from")} {with_or_without("failure")}
            WHERE trials.study_id = :study AND trials.state IN ('COMPLETE', 'PRUNED', 'FAIL')
            ORDER BY {newest}
            LIMIT :count
            """,  # noqa: S608
            count=count,
        )
        return tuple(Proposal(reused=row.reused is not None, failure=text_in(row.kind)) for row in rows)

    def _running(self, count: int) -> tuple[RunningTrial, ...]:
        found = self._rows(
            """
            SELECT trial_id, number FROM trials WHERE study_id = :study AND state = 'RUNNING'
            ORDER BY number LIMIT :count
            """,
            count=count,
        )
        return tuple(self._running_trial(row.trial_id, row.number) for row in found)

    def _running_trial(self, trial_id: int, number: int) -> RunningTrial:
        names = ", ".join(f"'{name}'" for name in CALLED_BY)
        attributes = self._rows(
            f"SELECT key, value_json FROM trial_user_attributes WHERE trial_id = :trial AND key IN ({names})",  # noqa: S608
            trial=trial_id,
        )
        reports = self._rows(
            """
            SELECT step, intermediate_value, intermediate_value_type FROM trial_intermediate_values
            WHERE trial_id = :trial ORDER BY step DESC LIMIT 1
            """,
            trial=trial_id,
        )
        last = reports[0] if reports else None
        return RunningTrial(
            number=number,
            attributes={row.key: json.loads(row.value_json) for row in attributes},
            epoch=None if last is None else last.step,
            value=None if last is None else number_in(last.intermediate_value, last.intermediate_value_type),
        )

    def _pruned_after(self) -> Mapping[int, int]:
        rows = self._rows(
            f"""
            SELECT epochs_run.value_json AS epochs, count(*) AS trials
            FROM trials {with_attribute("epochs_run")} {with_or_without("reused_from")}
            WHERE trials.study_id = :study AND trials.state = 'PRUNED' AND reused_from.trial_id IS NULL
            GROUP BY epochs_run.value_json
            """  # noqa: S608
        )
        return {int(row.epochs): row.trials for row in rows if row.epochs.isdecimal()}

    def _trained_with(self) -> tuple[TrainedWith, ...]:
        rows = self._rows(
            f"""
            SELECT host.value_json AS host, dtype_policy.value_json AS dtype_policy,
                backend.value_json AS backend, device.value_json AS device, count(*) AS trials
            FROM trials {with_attribute("dtype_policy")} {with_or_without("host")} {with_or_without("backend")}
                {with_or_without("device")} {with_or_without("reused_from")} {with_or_without("taken_over")}
            WHERE trials.study_id = :study AND trials.state IN ('COMPLETE', 'PRUNED')
                AND reused_from.trial_id IS NULL AND coalesce(taken_over.value_json, 'false') <> 'true'
            GROUP BY host.value_json, dtype_policy.value_json, backend.value_json, device.value_json
            """  # noqa: S608
        )
        found: Counter[tuple[str | None, ...]] = Counter()
        for row in rows:
            found[tuple(text_in(value) for value in (row.host, row.dtype_policy, row.backend, row.device))] += (
                row.trials
            )
        return in_order(found)

    def _rows(self, asked: str, **values: object) -> Sequence[Row[Any]]:
        return self._connection.execute(text(asked), {"study": self._study_id} | values).all()


def in_order(found: Mapping[tuple[str | None, ...], int]) -> tuple[TrainedWith, ...]:
    """Counts of trials by host, dtype policy, backend and device, in that order; those without a policy left out."""
    return tuple(
        TrainedWith(host=host, dtype_policy=policy, backend=backend, device=device, trials=trials)
        for (host, policy, backend, device), trials in sorted(
            found.items(), key=lambda item: tuple(value or "" for value in item[0])
        )
        if policy is not None
    )
