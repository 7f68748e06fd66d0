"""The commands that put a home in order: gc and doctor."""

import sys
from collections import Counter
from dataclasses import asdict, replace

from optuna.storages import RDBStorage

from storage import StorageError, Store
from storage.engines import GRACE_SECONDS, HEARTBEAT_SECONDS, make_reading_storage
from sweep.cli.options import Place
from sweep.cli.place import location, writing_store
from sweep.cli.streams import notes, out
from sweep.documents import to_json
from sweep.examination import Finding, Verdict, examine, examine_data, examine_disk, mend
from sweep.housekeeping import Why, clear, find_removable
from sweep.shared_housekeeping import clear_shared, find_shared_surplus
from sweep.sizes import counted, format_bytes

KINDS = {
    Why.UNKEPT: ("file that no rule keeps", "files that no rule keeps"),
    Why.DRAFT: ("draft left behind", "drafts left behind"),
    Why.STUDY: ("file or folder of a study that is gone", "files and folders of studies that are gone"),
    Why.WORKER: ("mark of a worker that is gone", "marks of workers that are gone"),
    Why.FEATURES: ("file of features that no study still trains on", "files of features that no study still trains on"),
}


def gc(place: Place, *, dry_run: bool, json: bool) -> None:
    """Remove what nothing needs."""
    storage = _existing_storage(place)
    if storage is None:
        notes.print(f"There is no store {location(place)}: nothing is known to be superfluous, nothing was touched.")
        found, shared = [], []
    else:
        with Store(location(place), storage) as store:
            found, shared = find_removable(store, place.home), find_shared_surplus(store, place.home, note=notes.print)
    if not dry_run:
        clear(found)
        clear_shared(shared, note=notes.print)
    total = sum(each.bytes for each in found) + sum(each.bytes for each in shared)
    if json:
        rows = [asdict(each) | {"path": str(each.path)} for each in found]
        rows += [
            {"path": url, "bytes": size, "why": Why.UNKEPT} for each in shared for url, size in each.urls().items()
        ]
        sys.stdout.write(to_json({"removed": rows, "bytes": total, "dry_run": dry_run}))
        return
    if storage is None:
        return
    counts = Counter(each.why for each in found)
    for why, words in KINDS.items():
        if counts[why]:
            size = format_bytes(sum(each.bytes for each in found if each.why is why))
            out.print(f"{counted(counts[why], *words)}: {size}")
    for place_of_study in shared:
        what = counted(len(place_of_study.keys), *KINDS[Why.UNKEPT])
        out.print(f"{what} at {place_of_study.shared}: {format_bytes(place_of_study.bytes)}", soft_wrap=True)
    if not (found or shared):
        out.print("Nothing to remove.")
    elif dry_run:
        out.print(f"Would be removed: {format_bytes(total)}. Nothing was: this was a dry run.")
    else:
        out.print(f"Removed: {format_bytes(total)}.")


def doctor(place: Place, *, fix: bool, json: bool) -> int:
    """Say what is wrong, and put right what can be; returns the exit code."""
    try:
        findings = _examine_store(place, fix=fix)
    except StorageError as error:
        findings = [Finding(what=str(error), verdict=Verdict.PROBLEM)]
    findings += [examine_disk(place.home), examine_data(place.home)]
    problems = sum(each.verdict is Verdict.PROBLEM and not each.fixed for each in findings)
    if json:
        sys.stdout.write(to_json({"findings": [asdict(each) for each in findings], "problems": problems}))
    else:
        for each in findings:
            out.print(f"{'fixed' if each.fixed else each.verdict.value:<9}{each.what}", soft_wrap=True)
            if each.fix is not None and not each.fixed:
                out.print(f"{'':<9}--fix {each.fix}", soft_wrap=True)
    return 1 if problems else 0


def _examine_store(place: Place, *, fix: bool) -> list[Finding]:
    storage = _existing_storage(place)
    if storage is None:
        return [Finding(what=f"there is no store {location(place)} yet", verdict=Verdict.FINE)]
    with Store(location(place), storage) as store:
        version, studies = storage.get_current_version(), counted(len(store.study_names()), "study", "studies")
        findings = [
            Finding(what=f"store {location(place)}: schema {version}, {studies}", verdict=Verdict.FINE),
            *examine(store, place.home),
        ]
    if fix and any(each.fix is not None for each in findings):
        with writing_store(place) as store:
            mend(store, place.home)
        findings = [replace(each, fixed=each.fix is not None) for each in findings]
    return findings


def _existing_storage(place: Place) -> RDBStorage | None:
    """The storage opened for reading, or None where nothing was stored yet: an empty store says something else."""
    storage = make_reading_storage(location(place))
    if storage is not None:
        # It beats for nobody, but is asked who has fallen silent.
        storage.heartbeat_interval, storage.grace_period = HEARTBEAT_SECONDS, GRACE_SECONDS
    return storage
