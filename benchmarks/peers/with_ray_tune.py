"""Ray Tune: the ASHA scheduler with Optuna's search, reporting through its Keras callback, as its examples have it."""

import os
from pathlib import Path
from typing import Any

from benchmarks.peers.task import (
    BATCH_SIZE,
    EPOCHS,
    Order,
    bounds,
    make_epoch_events,
    make_network,
    read_images,
    read_order,
    write_event,
)


def main() -> None:
    """Search until it is killed."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler
    from ray.tune.search.optuna import OptunaSearch

    order, kinds = read_order(), bounds()
    l2, dropout = kinds["l2"].number, kinds["dropout"].number
    space = {
        "conv_layers": tune.choice(list(kinds["conv_layers"].values)),
        "width": tune.choice(list(kinds["width"].values)),
        "batch_norm": tune.choice([False, True]),
        "use_l2": tune.choice([False, True]),
        "l2": tune.loguniform(l2.low, l2.high),
        "use_dropout": tune.choice([False, True]),
        "dropout": tune.uniform(dropout.low, dropout.high),
    }

    class Ends(tune.Callback):  # type: ignore[misc] # ray may not be installed where this is checked
        """Counts trials, those that the scheduler stops included."""

        def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            """Write it down."""
            write_event(order.events, ended=True)

    ray.init(num_cpus=order.cores, _temp_dir=str(order.folder / "ray"))
    tune.Tuner(
        tune.with_parameters(train, order=order),
        param_space=space,
        tune_config=tune.TuneConfig(
            metric="val_accuracy",
            mode="max",
            search_alg=OptunaSearch(seed=order.seed),
            scheduler=ASHAScheduler(max_t=EPOCHS),
            num_samples=-1,
            reuse_actors=True,  # as its documentation advises where trials are short
        ),
        run_config=tune.RunConfig(storage_path=str(order.folder / "results"), callbacks=[Ends()], verbose=0),
    ).fit()


def train(config: dict[str, Any], *, order: Order) -> None:
    """One trial, in a process of Ray's."""
    from ray.tune.integration.keras import TuneReportCheckpointCallback

    (x_train, y_train), validation = read_images(Path(order.images))
    off = {name: None for name in ("l2", "dropout") if not config[f"use_{name}"]}
    model = make_network({name: value for name, value in config.items() if not name.startswith("use_")} | off)
    model.fit(
        x_train,
        y_train,
        batch_size=BATCH_SIZE,
        epochs=EPOCHS,
        validation_data=validation,
        callbacks=[
            make_epoch_events(order.events),
            TuneReportCheckpointCallback(checkpoint_on=[], metrics=["val_accuracy"]),
        ],
        verbose=0,
    )


if __name__ == "__main__":
    main()
