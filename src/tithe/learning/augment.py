"""Augmentation: a row is seen a little shifted or mirrored each time it is trained on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Augmentation:
    """How rows that are images are varied before a step; other rows cannot be.

    Attributes:
      shift: every image moves by a whole number of pixels, drawn evenly up to this fraction of its
        height and of its width in either direction, in [0, 0.5]; what comes in from outside repeats
        the border.
      flip: every image is mirrored left to right with probability 1/2.
    Source: the random shifts and horizontal flips that are usual for MNIST and CIFAR-10.
    """

    shift: float = 0.0
    flip: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.shift <= 0.5:
            raise ValueError(f"shift must be in [0, 0.5], got {self.shift}")

    def __bool__(self) -> bool:
        return self.shift > 0 or self.flip

    def __call__(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """Varies every image on its own; the images that come in stay as they are.

        Args:
          images: shape ``(n, c, h, w)``.
          rng: the stream of shifts and flips, on the CPU; it is advanced.
        Returns:
          A new tensor of the same shape.
        Raises:
          ValueError: the rows are no images.
        """
        if images.dim() != 4:
            raise ValueError(
                f"only images (n, c, h, w) can be shifted or flipped, got {tuple(images.shape)}"
            )
        height, width = images.shape[2:]
        rows = self._moved(len(images), height, rng)  # (n, h)
        columns = self._moved(len(images), width, rng)  # (n, w)
        if self.flip:
            mirrored = torch.rand(len(images), generator=rng) < 0.5
            columns[mirrored] = columns[mirrored].flip(1)
        place = (rows * width).unsqueeze(2) + columns.unsqueeze(1)  # (n, h, w)
        place = place.reshape(len(images), 1, -1).to(images.device)
        flat = images.flatten(2)
        return flat.gather(2, place.expand_as(flat)).view_as(images)

    def _moved(self, count: int, size: int, rng: torch.Generator) -> Tensor:
        """For every image, which old row or column each new one shows, ``(count, size)``."""
        most = int(self.shift * size + 1e-9)
        by = torch.randint(-most, most + 1, (count, 1), generator=rng)
        return (torch.arange(size) + by).clamp_(0, size - 1)
