import sys
import warnings
from pathlib import Path

import optuna
import pytest

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

from replaying.curves import Cost, Curve, Curves, narrow  # noqa: E402
from trainings import Training  # noqa: E402


@pytest.fixture(autouse=True)
def quiet_optuna():
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield
    optuna.logging.set_verbosity(optuna.logging.INFO)


@pytest.fixture
def make_curve():
    """A recorded curve: the better, the higher `level`."""

    def make(trial, level, *, epochs=6, seconds=2.0, **parameters):
        values = {"conv_layers": 2, "width": 8, "l2": None, "batch_norm": False, "dropout": None} | parameters
        return Curve(
            trial=trial,
            configuration=narrow().from_dict(values),
            reported=tuple(level - 0.2 / epoch for epoch in range(1, epochs + 1)),
            value=level,
            costs=tuple(Cost(epochs=1.0, flops=10.0 + trial, seconds=seconds) for _ in range(epochs)),
        )

    return make


@pytest.fixture
def curves(make_curve):
    """Eighteen recorded configurations, one for each number of convolutions, width and batch normalisation."""
    recorded = [
        make_curve(
            number,
            0.6 + 0.01 * (number * 7 % 18),
            seconds=1.0 + number % 5,
            conv_layers=2 + number // 6,
            width=8 * 2 ** (number % 3),
            batch_norm=number % 6 >= 3,
        )
        for number in range(18)
    ]
    return Curves(narrow(), recorded, overhead_seconds=0.5)


@pytest.fixture
def make_training():
    """A training of a reported experiment."""

    def make(experiment, seed, accuracy, **changes):
        facts = {
            "test_loss": 0.3,
            "test_precision": 0.91,
            "test_recall": 0.91,
            "test_f1": 0.91,
            "test_rmse": 1.05,
            "val_accuracy": 0.93,
            "val_accuracies": (*(0.8,) * 12, 0.93, *(0.9,) * 5),
            "val_losses": (0.3,) * 18,
            "best_epoch": 13,
            "epochs_run": 18,
            "train_seconds": 1800.0,
            "dtype_policy": "mixed_bfloat16",
            "device": "cpu",
            "backend": "tensorflow",
            "keras": "3.15.1",
            "backend_version": "2.21.0",
            "git_commit": "",
            "date": "2026-11-23",
            "machine": "2 cores",
        }
        return Training(experiment=experiment, seed=seed, test_accuracy=accuracy, **facts | changes)

    return make
