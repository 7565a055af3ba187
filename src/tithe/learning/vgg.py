"""VGG19 for small colour pictures, with GroupNorm in the place of BatchNorm."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

_BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))  # channels, convolutions
_GROUPS = 32
_HIDDEN = 512


def vgg19(*, num_classes: int = 10, dropout: float = 0.5) -> nn.Module:
    """Sixteen convolutions in five blocks and two linear layers. Input ``(n, 3, 32, 32)``.

    20,303,178 parameters for ten classes. Each convolution is followed by GroupNorm (32 groups) and
    ReLU, each block by max pooling down to one pixel of 512 channels; dropout stands before both
    linear layers. The original's two hidden layers of 4,096 were made for pictures of 224 pixels
    and 1,000 classes; one of 512 takes their place, as is usual at 32 pixels.

    Why not BatchNorm: it normalises with the mean and spread of the whole batch, so that a row's
    gradient depends on the rows beside it, and then no clip of single gradients bounds what one row
    does; its running statistics are rows' values without any noise besides. GroupNorm takes both
    from within the row. Without any norm a network this deep does not begin to learn.

    Args:
      num_classes: scores a row, shape ``(n, num_classes)`` out.
      dropout: probability that a value is left out in training, in [0, 1).
    Source: Simonyan & Zisserman 2015, configuration E; Wu & He 2018 (GroupNorm, 32 groups).
    """
    layers: list[tuple[str, nn.Module]] = []
    channels = 3
    for block, (width, count) in enumerate(_BLOCKS, start=1):
        for place in range(1, count + 1):
            layers += _convolution(f"{block}_{place}", channels, width)
            channels = width
        layers.append((f"pool{block}", nn.MaxPool2d(2, 2)))
    layers += [
        ("flatten", nn.Flatten()),  # (n, 512, 1, 1) -> (n, 512)
        ("dropout1", nn.Dropout(dropout)),
        ("linear1", nn.Linear(channels, _HIDDEN)),
        ("relu1", nn.ReLU()),
        ("dropout2", nn.Dropout(dropout)),
        ("linear2", nn.Linear(_HIDDEN, num_classes)),
    ]
    return nn.Sequential(OrderedDict(layers))


def _convolution(place: str, before: int, after: int) -> list[tuple[str, nn.Module]]:
    return [
        (f"conv{place}", nn.Conv2d(before, after, 3, padding=1)),
        (f"norm{place}", nn.GroupNorm(_GROUPS, after)),
        (f"relu{place}", nn.ReLU()),
    ]
