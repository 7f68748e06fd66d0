"""Record learning curves: train configurations drawn at random to their end, and write every epoch into a CSV file.

    python benchmarks/record.py [--trials 150] [--home sweep-data] [--from HOME]

It is an ordinary study of the family `narrow`: cut short, the same command goes on. `benchmarks/replay.py` replays
searches on what it wrote. With --from it trains nothing and writes what that home's study has so far.
"""

import argparse
import csv
import json
import shlex
import statistics
import subprocess
import sys
from datetime import datetime
from importlib.metadata import entry_points
from itertools import pairwise
from pathlib import Path
from typing import Any

from sweep.data.dataset import DataReference, load_dataset
from sweep.data.split import split_dataset
from sweep.environment import cpu_count, processor_name

FAMILY, STUDY = "narrow", "curves"
TRIALS = 150
# A full trial is 12 epochs: nothing ends early of its own. 3,000 images: seconds a trial.
TERMS = shlex.split(
    f"--family {FAMILY} --study {STUDY} --sampler random --pruner none "
    "--epochs 12 --patience 12 --limit 3000 --batch-size 64"
)
FOLDER = Path(__file__).resolve().parent / "curves"
OF_TRIAL = ("parameters", "forward_macs", "val_accuracy", "images_per_second")


def main() -> None:
    """Train what is missing, and write the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=TRIALS, help="configurations wanted, those of before included")
    parser.add_argument("--home", type=Path, default=Path("sweep-data"), help="where the study is kept")
    parser.add_argument("--from", type=Path, dest="recorded", metavar="HOME", help="write what is there; train nothing")
    parser.add_argument("--to", type=Path, default=FOLDER, help="folder of narrow.csv and narrow.json")
    arguments = parser.parse_args()
    home = arguments.recorded or arguments.home
    command = ["start", *TERMS, "--trials", str(arguments.trials)]
    if arguments.recorded is None:
        if not entry_points(group="sweep.search_spaces", name=FAMILY):
            sys.exit(f"The family {FAMILY} is not installed. Install it: pip install ./benchmarks/narrow")
        subprocess.run([*sweep(), *command, "--home", str(home)], check=True)
    trials, status = ask("trials", home), ask("status", home)
    trials = [trial for trial in trials if is_recorded(trial)]
    if not trials:
        sys.exit(f"Study '{STUDY}' in {home} has no complete trial yet.")
    arguments.to.mkdir(parents=True, exist_ok=True)
    with (arguments.to / f"{FAMILY}.csv").open("w", newline="") as file:
        table = rows(trials)
        writer = csv.DictWriter(file, list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    about = facts(trials, status["identity"], home) | {"command": shlex.join(["sweep", *command])}
    (arguments.to / f"{FAMILY}.json").write_text(json.dumps(about, indent=2) + "\n")
    print(f"{len(trials)} configurations in {arguments.to}", file=sys.stderr)


def sweep() -> list[str]:
    """The command beside this Python, which need not be on the path."""
    return [str(Path(sys.executable).parent / "sweep")]


def ask(question: str, home: Path) -> Any:
    """What a reading command says of the study, as a document."""
    command = [*sweep(), question, STUDY, "--home", str(home), "--json"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def is_recorded(trial: dict[str, Any]) -> bool:
    """Whether it was trained to its end; what repeats an earlier configuration was not."""
    return trial["state"] == "COMPLETE" and "reused_from" not in trial["user_attrs"]


def rows(trials: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row an epoch: the configuration, what the epoch came to, and what the trial came to in float32."""
    table = []
    for trial in trials:
        attributes = trial["user_attrs"]
        history = attributes["history"]
        config = {name: spelt(value) for name, value in trial["config"].items() if name != "family"}
        of_trial = {name: number(attributes[name]) for name in OF_TRIAL}
        for epoch, reported, seconds in zip(history["epoch"], history["val_accuracy"], history["seconds"], strict=True):
            of_epoch = {"epoch": epoch, "reported": number(reported), "seconds": number(seconds)}
            table.append({"trial": trial["number"]} | config | of_epoch | of_trial)
    return table


def spelt(value: Any) -> Any:
    """A parameter as the command line takes it."""
    return "off" if value is None else str(value).lower() if isinstance(value, bool) else value


def number(value: float) -> float:
    """As many digits as mean something; an accuracy keeps them all, for ties count."""
    return value if isinstance(value, int) else float(f"{value:.6g}")


def facts(trials: list[dict[str, Any]], identity: dict[str, Any], home: Path) -> dict[str, Any]:
    """What the table was recorded on."""
    data = DataReference(name=identity["dataset"], cache_dir=home / "cache")
    split = split_dataset(load_dataset(data), seed=identity["seed"], limit=identity["limit"])
    first = trials[0]["user_attrs"]
    return {
        "configurations": len(trials),
        "epochs": identity["epochs"],
        "batch_size": identity["batch_size"],
        "training_images": len(split.y_train),
        "validation_images": len(split.y_validation),
        "overhead_seconds": overhead_seconds(trials),
        "machine": f"{processor_name()}, {cpu_count()} cores",
        "dtype_policy": sorted({trial["user_attrs"]["dtype_policy"] for trial in trials}),
        "versions": first["versions"],
    }


def overhead_seconds(trials: list[dict[str, Any]]) -> float:
    """What a trial takes besides its epochs: from one trial's begin to the next one's, less its training; median.

    Building, evaluating in float32 and storing are in it; tracing is in the seconds of the first epoch.
    """
    taken = []
    for trial, following in pairwise(trials):
        if following["number"] == trial["number"] + 1:
            begin, end = (datetime.fromisoformat(each["datetime_start"]) for each in (trial, following))
            taken.append((end - begin).total_seconds() - trial["user_attrs"]["train_seconds"])
    return round(statistics.median(taken), 2) if taken else 0.0


if __name__ == "__main__":
    main()
