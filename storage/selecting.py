"""Pieces of SELECTs on Optuna's tables, and what stands in their columns."""

import json

UNWRITTEN = {"INF_POS": float("inf"), "INF_NEG": float("-inf"), "NAN": float("nan")}  # what a column cannot hold


def with_attribute(key: str) -> str:
    """Leaves the trials that have a user attribute, which then is a table of that name."""
    return f"JOIN trial_user_attributes {key} ON {key}.trial_id = trials.trial_id AND {key}.key = '{key}'"


def with_or_without(key: str) -> str:
    """Likewise, but its columns are null for trials that do not have it."""
    return f"LEFT {with_attribute(key)}"


def text_in(value_json: str | None) -> str | None:
    """A user attribute that is a text; None for another, or for none."""
    value = None if value_json is None else json.loads(value_json)
    return value if isinstance(value, str) else None


def number_in(value: float | None, kind: str) -> float:
    """A number as Optuna stores it."""
    return UNWRITTEN[kind] if value is None else value
