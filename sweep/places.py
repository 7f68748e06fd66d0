"""Where a study's files are kept besides the homes: one place for each study, recorded in it."""

import re
import secrets
from typing import TYPE_CHECKING, Any

from storage.address import Address, parse_address
from storage.errors import LocationError
from sweep.errors import UsageError

if TYPE_CHECKING:
    import optuna

    from storage.tally import CountedStudy

ATTRIBUTE = "artifacts"  # of a study


class ForeignPlaceError(UsageError):
    """What a study has recorded as its place is none that this project chose."""


def place_of(study: "optuna.Study | CountedStudy") -> Address | None:
    """The place of a study, or None where its files are in homes alone.

    Raises:
        ForeignPlaceError: If what is recorded cannot be one that this project chose.
    """
    recorded = study.user_attrs.get(ATTRIBUTE)
    return None if recorded is None else recorded_place(study.study_name, recorded)


def recorded_place(study_name: str, recorded: Any) -> Address:
    """The place that a study of this name has recorded.

    A study deletes all that lies at its place: an address of somebody else's files, which another tool may have
    written there, is refused.

    Raises:
        ForeignPlaceError: If it cannot be one that this project chose.
    """
    try:
        address = parse_address(str(recorded))
    except LocationError:
        address = None
    if address is None or not re.fullmatch(rf"{re.escape(study_name)}-[0-9a-f]{{8}}", address.name):
        raise ForeignPlaceError(
            f"The attribute '{ATTRIBUTE}' of study '{study_name}' is no place that sweep chose: expected "
            f"s3://BUCKET/PREFIX/{study_name}- and eight hexadecimal digits. Another tool may have changed it; "
            "`sweep start` with --artifacts names a place anew."
        )
    return address


def settle_place(study: "optuna.Study", given: Address | None, *, is_new: bool = False) -> list[str]:
    """Record where a study's files are kept, if a command names a place that it does not have yet.

    Studies of one name, in several stores or one after the other, get places of their own. The caller holds the
    study's lock.

    Args:
        study: The study.
        given: What was asked for: the place of many studies, or this study's own; None: as recorded.
        is_new: Whether the study is being created: then it is no change. Default: False.

    Returns:
        Lines about what changed, for the log.
    """
    if given is None:
        return []
    try:
        recorded = place_of(study)
    except ForeignPlaceError:
        recorded = None
    if _is_same(given, recorded):
        return []
    place = given.below(f"{study.study_name}-{secrets.token_hex(4)}")
    study.set_user_attr(ATTRIBUTE, str(place))
    if is_new:
        return []
    if recorded is None:
        return [f"artifacts: none -> {place}; the next worker of each home copies what lies there"]
    return [f"artifacts: {recorded} -> {place}; what lies below {recorded} is not moved"]


def refuse_another_place(study: "optuna.Study", given: Address | None) -> None:
    """Refuse a place that is not the study's.

    Raises:
        UsageError: If it has another one; the message names it. A study without any is no contradiction.
    """
    recorded = place_of(study)
    if given is None or recorded is None or _is_same(given, recorded):
        return
    raise UsageError(
        f"Study '{study.study_name}' keeps its files at {recorded}. Received: --artifacts {given}. Leave --artifacts "
        "(SWEEP_ARTIFACTS) out: the study knows its place; only `sweep start` changes it."
    )


def _is_same(given: Address, recorded: Address | None) -> bool:
    return recorded is not None and given in (recorded, recorded.parent)
