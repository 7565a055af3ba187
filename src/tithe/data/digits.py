"""The 1,797 handwritten digits that come with scikit-learn: real, small, and always there."""

from __future__ import annotations

import numpy as np
import torch

from tithe.data.dataset import Dataset, Splits
from tithe.data.split import stratified_split
from tithe.randomness import stream

# Of all 1,797 images, value / 16; a public set, so its constants are public too.
_MEAN, _STD = (0.3053,), (0.3761,)
_SPLIT_SEED = 0
_TEST_FRACTION = 0.2


def read_digits() -> Splits:
    """Reads uint8 images of shape ``(n, 1, 8, 8)``, 1,437 to train on and 360 to test on.

    The original values 0..16 are spread over 0..255. The split is by class and always the same.
    Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI 1998 (its test
    part), as scikit-learn bundles it.
    """
    from sklearn.datasets import load_digits  # slow, only for this set

    pixels, labels = load_digits(return_X_y=True)
    images = np.rint(pixels * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
    whole = Dataset(
        "digits",
        torch.from_numpy(images),
        torch.from_numpy(labels.astype(np.int64)),
        tuple(str(digit) for digit in range(10)),
        _MEAN,
        _STD,
    )
    rng = stream(_SPLIT_SEED, purpose="test split")
    train_rows, test_rows = stratified_split(whole.labels, test_fraction=_TEST_FRACTION, rng=rng)
    return Splits(
        whole.take(train_rows),
        whole.take(test_rows),
        f"Handwritten digits bundled with scikit-learn, 8x8, a fixed split by class: "
        f"{len(train_rows):,} train and {len(test_rows):,} test images.",
    )
