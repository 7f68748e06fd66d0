"""Training images in batches whose order derives from seed and epoch."""

from collections.abc import Callable

import keras
import numpy as np

Augmentation = Callable[[np.ndarray, np.random.Generator], np.ndarray]


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
