"""A wide residual network for small colour pictures, without statistics of a batch."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn
from torch.nn import functional

_WIDTHS = (64, 128, 256)  # 16, 32 and 64 channels, four times as wide
_BLOCKS_EACH = 2  # (16 - 4) / 6
_STEM = 16
_GROUPS = 16


class ResidualBlock(nn.Module):
    """Norm, ReLU, convolution, twice, beside a way around them. ``(n, c, h, w)`` in.

    Where width or resolution change, the way around is a convolution of one pixel on what the first
    norm and ReLU gave.
    """

    def __init__(self, before: int, after: int, *, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(_GROUPS, before)
        self.conv1 = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
        self.norm2 = nn.GroupNorm(_GROUPS, after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        is_changed = stride != 1 or before != after
        self.around = nn.Conv2d(before, after, 1, stride=stride, bias=False) if is_changed else None

    def forward(self, maps: Tensor) -> Tensor:
        """Shape ``(n, after, h / stride, w / stride)`` out."""
        active = functional.relu(self.norm1(maps))
        beside = maps if self.around is None else self.around(active)
        inner = self.conv1(active)
        result: Tensor = self.conv2(functional.relu(self.norm2(inner))) + beside
        return result


def wrn_16_4(*, num_classes: int = 10) -> nn.Module:
    """WideResNet-16-4, 2,748,890 parameters for ten classes. Input ``(n, 3, 32, 32)``.

    GroupNorm of 16 groups stands where the original has BatchNorm, for the reason told at
    ``tithe.learning.vgg.vgg19``; both have two parameters a channel, so the size is the original's.
    Not here: weight standardisation, which De et al. add and which changes what a convolution's
    gradient is.
    Source: Zagoruyko & Komodakis 2016, Table 1; De et al. 2022, section 3 (GroupNorm, 16 groups).
    """
    layers: list[tuple[str, nn.Module]] = [("conv", nn.Conv2d(3, _STEM, 3, padding=1, bias=False))]
    channels = _STEM
    for stage, width in enumerate(_WIDTHS, start=1):
        for place in range(1, _BLOCKS_EACH + 1):
            stride = 2 if stage > 1 and place == 1 else 1
            layers.append((f"block{stage}_{place}", ResidualBlock(channels, width, stride=stride)))
            channels = width
    layers += [
        ("norm", nn.GroupNorm(_GROUPS, channels)),
        ("relu", nn.ReLU()),
        ("pool", nn.AvgPool2d(8)),  # (n, 256, 8, 8) -> (n, 256, 1, 1)
        ("flatten", nn.Flatten()),
        ("linear", nn.Linear(channels, num_classes)),
    ]
    return nn.Sequential(OrderedDict(layers))
