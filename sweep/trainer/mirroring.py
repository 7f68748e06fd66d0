"""A network that looks at each image and at its mirror image, and answers with the mean."""

import keras

from search_spaces.plan import LayerPlan

WIDTH = 2  # axis of images, (n, h, w, c)


def with_views(model: keras.Model, plan: LayerPlan) -> keras.Model:
    """The model that answers from as many views of an image as its plan says."""
    return with_mirror_image(model) if plan.views > 1 else model


def with_mirror_image(model: keras.Model) -> keras.Model:
    """The same network, asked twice; of Keras's own layers and operations, so that every format can hold it.

    Args:
        model: Maps (n, h, w, c) uint8 images to (n, classes) probabilities, perhaps with other outputs behind them.

    Returns:
        A network of the same inputs and outputs, whose probabilities are the mean over image and mirror image; what
        else there is belongs to the image as it is.
    """
    (images,) = model.inputs
    seen = keras.Input(shape=images.shape[1:], dtype=images.dtype, name=images.name)
    direct, mirrored = model(seen), model(keras.ops.flip(seen, axis=WIDTH))
    if len(model.outputs) == 1:
        return keras.Model(seen, _mean(direct, mirrored), name=f"{model.name}_with_mirror_image")
    return keras.Model(seen, [_mean(direct[0], mirrored[0]), *direct[1:]])


def _mean(direct: keras.KerasTensor, mirrored: keras.KerasTensor) -> keras.KerasTensor:
    return keras.layers.Average(dtype="float32", name="probabilities")([direct, mirrored])
