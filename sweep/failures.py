"""The kinds of failure a trial can end with."""

from enum import StrEnum


class FailureKind(StrEnum):
    """Why a trial has no result; the trial's attribute `failure`."""

    CRASH = "crash"
    INTERRUPTED = "interrupted"
    MEMORY = "memory"
    NAN = "nan"
    INVALID = "invalid"
    TIME = "time"
    REPEAT = "repeat"
    LIMIT = "limit"  # a network above one of the study's limits: never trained
