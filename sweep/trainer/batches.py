"""Training images in batches whose order derives from seed and epoch."""

import keras
import numpy as np


class ShuffledBatches(keras.utils.PyDataset):  # type: ignore[misc] # keras ships without types
    """Whole batches gathered from shuffled indices; images stay uint8.

    Args:
        images: (n, h, w, c) uint8.
        labels: (n,) integers.
        batch_size: Images per batch; the last one may be smaller.
        seed: With the epoch it decides the order.
    """

    def __init__(self, images: np.ndarray, labels: np.ndarray, *, batch_size: int, seed: int) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        self._images = images
        self._labels = labels
        self._batch_size = batch_size
        self._seed = seed
        self.start_epoch(0)

    def start_epoch(self, epoch: int) -> None:
        """Take the order of an epoch, counted from 0."""
        self._order = np.random.default_rng([self._seed, epoch]).permutation(len(self._labels))

    def __len__(self) -> int:
        return -(-len(self._labels) // self._batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        return self._images[chosen], self._labels[chosen]
