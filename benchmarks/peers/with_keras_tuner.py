"""KerasTuner: its Hyperband tuner, as its documentation and TensorFlow's tutorial on Fashion-MNIST have it."""

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

ROUNDS = 1000  # of Hyperband: its documentation wants as many as there is time for


def main() -> None:
    """Search until it is killed."""
    import keras
    import keras_tuner

    order, kinds = read_order(), bounds()
    (x_train, y_train), validation = read_images(order.images)

    def number(hp: Any, name: str) -> float | None:
        within = kinds[name].number
        sampling = "log" if within.log else "linear"
        is_used = hp.Boolean(f"use_{name}")
        with hp.conditional_scope(f"use_{name}", [True]):
            value = hp.Float(name, within.low, within.high, sampling=sampling)
        return float(value) if is_used else None

    def build(hp: Any) -> Any:
        return make_network(
            {
                "conv_layers": hp.Choice("conv_layers", list(kinds["conv_layers"].values)),
                "width": hp.Choice("width", list(kinds["width"].values)),
                "batch_norm": hp.Boolean("batch_norm"),
                "l2": number(hp, "l2"),
                "dropout": number(hp, "dropout"),
            }
        )

    tuner = keras_tuner.Hyperband(
        build,
        objective="val_accuracy",
        max_epochs=EPOCHS,
        factor=3,
        hyperband_iterations=ROUNDS,
        seed=order.seed,
        directory=order.folder,
        project_name="peer",
    )
    ends = keras.callbacks.LambdaCallback(on_train_end=lambda _: write_event(order.events, ended=True))
    tuner.search(
        x_train,
        y_train,
        batch_size=BATCH_SIZE,
        epochs=EPOCHS,
        validation_data=validation,
        callbacks=[make_epoch_events(order.events), ends],
        verbose=0,
    )


if __name__ == "__main__":
    main()
