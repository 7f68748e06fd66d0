"""Images in batches, those of training in an order that derives from seed and epoch, and how Keras is fed with them."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

Augmentation = Callable[[np.ndarray, np.random.Generator], np.ndarray]

AHEAD = 2  # batches that are gathered while one is trained on


def feed(batches: keras.utils.PyDataset) -> Any:
    """What `fit` and `predict` read batches from: on TensorFlow a data set without tf.data's tuning.

    That tuning has a thread of its own, which looks after 10 ms and then after twice as long each time, and whoever
    ends an iterator waits for its next look. At every epoch's end, that is: up to as long as the epoch itself took.

    Args:
        batches: Tuples of arrays with the batch first; read anew in each epoch.
    """
    if keras.backend.backend() != "tensorflow":
        return batches
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    signature = tuple(tf.TensorSpec((None, *each.shape[1:]), each.dtype) for each in batches[0])
    dataset = tf.data.Dataset.from_generator(
        lambda: (batches[index] for index in range(len(batches))), output_signature=signature
    )
    counted = dataset.apply(tf.data.experimental.assert_cardinality(len(batches)))
    return counted.prefetch(AHEAD).with_options(options)


class Batches(keras.utils.PyDataset):  # type: ignore[misc] # keras ships without types
    """Batches of held-out images in their own order.

    Args:
        arrays: Images, (n, h, w, c) as uint8, or features of them, and labels where there are any.
        batch_size: Images per batch; the last one may be smaller.
    """

    def __init__(self, *arrays: np.ndarray, batch_size: int) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        self._arrays = arrays
        self._batch_size = batch_size

    def __len__(self) -> int:
        return -(-len(self._arrays[0]) // self._batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        chosen = slice(index * self._batch_size, (index + 1) * self._batch_size)
        return tuple(each[chosen] for each in self._arrays)


class ShuffledBatches(keras.utils.PyDataset):  # type: ignore[misc] # keras ships without types
    """Whole batches gathered from shuffled indices; images stay uint8.

    Args:
        inputs: (n, ...): images as uint8, (n, h, w, c), or features of them.
        labels: (n,) integers.
        batch_size: Images per batch; the last one may be smaller.
        seed: With the epoch it decides the order.
        augmentation: Makes other views of a batch of images, or None. Default: None.
    """

    def __init__(
        self,
        inputs: np.ndarray,
        labels: np.ndarray,
        *,
        batch_size: int,
        seed: int,
        augmentation: Augmentation | None = None,
    ) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        self._inputs = inputs
        self._labels = labels
        self._batch_size = batch_size
        self._seed = seed
        self._augmentation = augmentation
        self.start_epoch(0)

    def start_epoch(self, epoch: int) -> None:
        """Take the order of an epoch, counted from 0."""
        self._epoch = epoch
        self._order = np.random.default_rng([self._seed, epoch]).permutation(len(self._labels))

    def __len__(self) -> int:
        return -(-len(self._labels) // self._batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        inputs = self._inputs[chosen]
        if self._augmentation is not None:
            # By batch, not one generator after another: batches may be asked for in any order.
            inputs = self._augmentation(inputs, np.random.default_rng([self._seed, self._epoch, index]))
        return inputs, self._labels[chosen]
