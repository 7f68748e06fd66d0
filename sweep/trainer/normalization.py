"""Batch normalisation in one operation of TensorFlow's, while a network is trained."""

from typing import Any

import keras


def with_fused_normalization(model: keras.Model) -> keras.Model:
    """The same network, weights and names, whose batch normalisations of images are single operations.

    Keras 3 composes mean, variance, scale and shift of many operations, each of which reads and writes the whole batch
    in float32. On processors the fused operation takes a residual network's step from 1.2 to 1.5 times as far
    (`benchmarks/bench.py loop`). It is for training: what is kept and exported has Keras's own layers.

    Args:
        model: Any network. Not to be used afterwards: its other layers, with their random states, are the new one's.
    """
    if not any(_is_fusible(layer) for layer in model.layers) or not _on_tensorflow_and_processor():
        return model
    fused = keras.models.clone_model(model, clone_function=_clone)
    fused.set_weights(model.get_weights())
    return fused


def _on_tensorflow_and_processor() -> bool:
    # Not seen on a GPU yet, where XLA fuses the composed one.
    return keras.backend.backend() == "tensorflow" and not keras.distribution.list_devices("gpu")


def _is_fusible(layer: keras.layers.Layer) -> bool:
    return isinstance(layer, keras.layers.BatchNormalization) and len(layer.output.shape) == 4


def _clone(layer: keras.layers.Layer) -> keras.layers.Layer:
    return _FusedNormalization.from_config(layer.get_config()) if _is_fusible(layer) else layer


class _FusedNormalization(keras.layers.BatchNormalization):  # type: ignore[misc] # keras ships without types
    """Keras's layer, computed otherwise: the same variables and the same results but for rounding."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise (n, h, w, c) by the batch's statistics in training, else by the moving ones."""
        import tensorflow as tf

        normalize = tf.compat.v1.nn.fused_batch_norm
        scale, offset = tf.convert_to_tensor(self.gamma), tf.convert_to_tensor(self.beta)
        if not (training and self.trainable):
            moving = {
                "mean": tf.convert_to_tensor(self.moving_mean),
                "variance": tf.convert_to_tensor(self.moving_variance),
            }
            return normalize(inputs, scale, offset, **moving, epsilon=self.epsilon, is_training=False)[0]
        outputs, mean, variance = normalize(inputs, scale, offset, epsilon=self.epsilon, is_training=True)
        # The operation answers with the variance of the population, estimated; Keras keeps that of the batch.
        count = tf.cast(tf.size(inputs) // inputs.shape[-1], variance.dtype)
        for average, value in (self.moving_mean, mean), (self.moving_variance, variance * (count - 1) / count):
            average.assign(average * self.momentum + value * (1 - self.momentum))
        return outputs
