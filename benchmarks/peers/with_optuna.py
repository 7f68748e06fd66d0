"""Plain Optuna: TPE and the median pruner, as its Keras example has them, asked by optuna-integration's callback."""

from typing import Any

from benchmarks.peers.task import (
    BATCH_SIZE,
    EPOCHS,
    bounds,
    make_epoch_events,
    make_network,
    read_images,
    read_order,
    write_event,
)


def main() -> None:
    """Search until it is killed."""
    import keras
    import optuna
    from optuna_integration import KerasPruningCallback

    order, kinds = read_order(), bounds()
    (x_train, y_train), validation = read_images(order.images)

    def suggest(trial: optuna.Trial) -> dict[str, Any]:
        l2, dropout = kinds["l2"].number, kinds["dropout"].number
        return {
            "conv_layers": trial.suggest_categorical("conv_layers", kinds["conv_layers"].values),
            "width": trial.suggest_categorical("width", kinds["width"].values),
            "batch_norm": trial.suggest_categorical("batch_norm", [False, True]),
            "l2": trial.suggest_float("l2", l2.low, l2.high, log=l2.log)
            if trial.suggest_categorical("use_l2", [False, True])
            else None,
            "dropout": trial.suggest_float("dropout", dropout.low, dropout.high, log=dropout.log)
            if trial.suggest_categorical("use_dropout", [False, True])
            else None,
        }

    def objective(trial: optuna.Trial) -> float:
        keras.backend.clear_session()
        model = make_network(suggest(trial))
        model.fit(
            x_train,
            y_train,
            batch_size=BATCH_SIZE,
            epochs=EPOCHS,
            validation_data=validation,
            callbacks=[make_epoch_events(order.events), KerasPruningCallback(trial, "val_accuracy")],
            verbose=0,
        )
        return float(model.evaluate(*validation, verbose=0)[1])

    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=order.seed),
        pruner=optuna.pruners.MedianPruner(),
    )
    study.optimize(objective, callbacks=[lambda *_: write_event(order.events, ended=True)])


if __name__ == "__main__":
    main()
