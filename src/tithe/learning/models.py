"""The networks that a plan can name, and any ``module:function``."""

from __future__ import annotations

import importlib
import inspect
import math
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parameter import UninitializedParameter

from tithe.checks import BadInput, nearest
from tithe.learning.linear import linear
from tithe.learning.table import columns_of, table_mlp, table_name
from tithe.learning.text_bag import text_bag
from tithe.learning.text_linear import text_linear
from tithe.learning.text_transformer import text_transformer
from tithe.learning.vgg import vgg19
from tithe.learning.wide_resnet import wrn_16_4


class SubtractiveNorm(nn.Module):
    """Subtracts from every pixel the Gaussian-weighted mean of its neighbourhood over all channels.

    At the borders the weights that fall outside are left out and the rest scaled up. Holds a fixed
    kernel and no trained parameters. Shape ``(n, c, h, w)`` in and out.
    Source: Jarrett et al. 2009, subtractive normalisation; seven taps as in the paper's SVHN net.
    """

    def __init__(self, channels: int, *, taps: int = 7, sigma: float = 0.25):
        super().__init__()
        # The window's own axis runs from -1 to 1; sigma is in units of the window's width.
        axis = torch.linspace(-1, 1, taps) / (2 * sigma)
        line = torch.exp(-axis.square() / 2)
        line = line / line.sum()
        self.register_buffer("_line", line, persistent=False)
        self._pad = taps // 2
        self._channels = channels

    def forward(self, images: Tensor) -> Tensor:
        """Same shape out as in."""
        mean = images.mean(dim=1, keepdim=True)  # (n, c, h, w) -> (n, 1, h, w)
        weight = self._blur(torch.ones_like(mean[:1]))
        return images - self._blur(mean) / weight

    def _blur(self, plane: Tensor) -> Tensor:
        line = self._line
        assert isinstance(line, Tensor)
        across = functional.conv2d(plane, line.view(1, 1, 1, -1), padding=(0, self._pad))
        return functional.conv2d(across, line.view(1, 1, -1, 1), padding=(self._pad, 0))


def mnist_mlp(*, num_classes: int = 10) -> nn.Module:
    """1024-128-64-10 with ReLU, 140,106 parameters. Input ``(n, 1, 32, 32)``."""
    return _mlp(1024, 128, 64, num_classes)


def svhn_mlp(*, num_classes: int = 10) -> nn.Module:
    """3072-128-64-10 with ReLU, 402,250 parameters. Input ``(n, 3, 32, 32)``."""
    return _mlp(3072, 128, 64, num_classes)


def mnist_cnn(*, num_classes: int = 10) -> nn.Module:
    """The paper's CNN for MNIST, 105,506 parameters. Input ``(n, 1, 32, 32)``.

    Tanh stands behind each max pooling, not before it: it is monotonic, so the two commute, and
    behind it works on nine (four) times fewer values.
    """
    return _channels_last(
        nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(1, 32, 5),
                pool1=nn.MaxPool2d(3, 3),
                tanh1=nn.Tanh(),
                conv2=nn.Conv2d(32, 64, 5),
                pool2=nn.MaxPool2d(2, 2),
                tanh2=nn.Tanh(),
                flatten=nn.Flatten(),
                linear1=nn.Linear(256, 200),
                tanh3=nn.Tanh(),
                linear2=nn.Linear(200, num_classes),
            )
        )
    )


def svhn_cnn(*, num_classes: int = 10) -> nn.Module:
    """The paper's CNN for SVHN (and CIFAR-10), 313,546 parameters. Input ``(n, 3, 32, 32)``."""
    return _channels_last(
        nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(3, 64, 5),
                tanh1=nn.Tanh(),
                pool1=nn.LPPool2d(2, 2, 2),
                norm1=SubtractiveNorm(64),
                conv2=nn.Conv2d(64, 64, 5),
                tanh2=nn.Tanh(),
                pool2=nn.LPPool2d(2, 2, 2),
                norm2=SubtractiveNorm(64),
                flatten=nn.Flatten(),
                linear1=nn.Linear(1600, 128),
                tanh3=nn.Tanh(),
                linear2=nn.Linear(128, num_classes),
            )
        )
    )


def digits_cnn(*, num_classes: int = 10) -> nn.Module:
    """A small CNN for scikit-learn's 8x8 digits. Input ``(n, 1, 8, 8)``."""
    return _channels_last(
        nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(1, 16, 3, padding=1),
                tanh1=nn.Tanh(),
                pool1=nn.MaxPool2d(2, 2),
                conv2=nn.Conv2d(16, 32, 3, padding=1),
                tanh2=nn.Tanh(),
                pool2=nn.MaxPool2d(2, 2),
                flatten=nn.Flatten(),
                linear1=nn.Linear(128, 64),
                tanh3=nn.Tanh(),
                linear2=nn.Linear(64, num_classes),
            )
        )
    )


def digits_mlp(*, num_classes: int = 10) -> nn.Module:
    """64-64-32-10 with ReLU for scikit-learn's digits. Input ``(n, 1, 8, 8)``."""
    return _mlp(64, 64, 32, num_classes)


MODELS: dict[str, Callable[..., nn.Module]] = {
    "mnist-mlp": mnist_mlp,
    "svhn-mlp": svhn_mlp,
    "mnist-cnn": mnist_cnn,
    "svhn-cnn": svhn_cnn,
    "digits-cnn": digits_cnn,
    "digits-mlp": digits_mlp,
    "linear": linear,
    "vgg19": vgg19,
    "wrn-16-4": wrn_16_4,
    "table-mlp": table_mlp,
    "text-bag": text_bag,
    "text-linear": text_linear,
    "text-transformer": text_transformer,
}

Initial = Literal["as_built", "lecun"]

_BY_SHAPE = {
    (1, 32, 32): "mnist-cnn",
    (3, 32, 32): "svhn-cnn",
    (1, 8, 8): "digits-cnn",
}


def name_for(shape: tuple[int, ...]) -> str:
    """The network that ``name = "auto"`` means for rows of this shape; no texts.

    Raises:
      BadInput: no network of ours takes rows of this shape.
    """
    if shape in _BY_SHAPE:
        return _BY_SHAPE[shape]
    if len(shape) == 1:
        return table_name(shape[0])
    raise BadInput(
        f'model.name "auto" knows tables and rows of shape {sorted(_BY_SHAPE)}, got {shape}; '
        f'name a network of your own as "module:function"'
    )


def build_model(
    name: str,
    *,
    num_classes: int,
    seed: int,
    arguments: Mapping[str, object] | None = None,
    initial: Initial = "as_built",
) -> nn.Module:
    """The named network, initialised from ``seed`` without touching torch's global stream.

    Args:
      name: one of ``MODELS``, ``table-mlp-N`` for rows of N columns, or ``module:function`` of the
        user's, importable.
      num_classes: handed to the function if it takes ``num_classes``.
      seed: of the initial parameters.
      arguments: further keyword arguments for the function.
      initial: ``"as_built"`` leaves the parameters as the function drew them; ``"lecun"`` draws
        those of linear and convolutional layers anew (see ``draw_lecun``).
    Raises:
      BadInput: unknown name, not importable, not a module, or no parameters.
    """
    function, known = _function_of(name, num_classes=num_classes)
    given = {**known, **(arguments or {})}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            module = function(**given)
        except TypeError as error:
            raise BadInput(
                f"model.arguments do not fit {name}: {error}; "
                f"check them against the function's own arguments"
            ) from error
        except Exception as error:
            raise BadInput(f"model.name {name} could not be made: {error}") from error
        if isinstance(module, nn.Module):
            _require_known_shapes(module, name)
        if initial == "lecun" and isinstance(module, nn.Module):
            draw_lecun(module)
    if not isinstance(module, nn.Module):
        raise BadInput(
            f"model.name {name} must return a torch.nn.Module, got {type(module).__name__}"
        )
    if not any(p.requires_grad for p in module.parameters()):
        raise BadInput(f"model.name {name} must have trainable parameters, it has none")
    return module


def _function_of(name: str, *, num_classes: int) -> tuple[Callable[..., object], dict[str, object]]:
    """What makes the named network, and the arguments that nobody need state."""
    if ":" in name:
        function = _imported(name)
        takes = inspect.signature(function).parameters
        open_ended = any(p.kind is p.VAR_KEYWORD for p in takes.values())
        is_told = "num_classes" in takes or open_ended
        return function, {"num_classes": num_classes} if is_told else {}
    if columns := columns_of(name):
        return table_mlp, {"num_classes": num_classes, "columns": columns}
    if name in MODELS:
        return MODELS[name], {"num_classes": num_classes}
    near = nearest(name, MODELS)
    hint = f"; did you mean {near}?" if near else ""
    raise BadInput(
        f'model.name must be "module:function" or any of {", ".join(MODELS)}, got {name}{hint}'
    )


def _require_known_shapes(module: nn.Module, name: str) -> None:
    for key, parameter in module.named_parameters():
        if isinstance(parameter, UninitializedParameter):
            raise BadInput(
                f"model.name {name} must know its shapes when it is made, {key} does not; "
                "give lazy layers their input size"
            )


@torch.no_grad()
def draw_lecun(module: nn.Module) -> None:
    """Draws weights of linear and convolutional layers with variance 1/fan-in, sets biases to 0.

    Keeps the variance of what passes through a tanh network's layers; PyTorch's own default has a
    third of it. Draws from torch's global stream.
    Source: LeCun, Bottou, Orr & Mueller 1998, Efficient BackProp, section 4.6.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
            bound = math.sqrt(3 / layer.weight[0].numel())  # uniform of variance 1/fan-in
            layer.weight.uniform_(-bound, bound)
            if layer.bias is not None:
                layer.bias.zero_()


def _imported(name: str) -> Callable[..., object]:
    module_name, _, function_name = name.partition(":")
    here = str(Path.cwd())  # a console script does not look there, and its user expects it
    sys.path.insert(0, here)
    try:
        function = getattr(importlib.import_module(module_name), function_name)
    except Exception as error:
        raise BadInput(
            f"model.name {name} cannot be imported: {error}; "
            f"run from its folder or put that folder on PYTHONPATH"
        ) from error
    finally:
        sys.path.remove(here)
    if not callable(function):
        raise BadInput(f"model.name {name} must be a function, got {type(function).__name__}")
    return function  # type: ignore[no-any-return]


def _mlp(*widths: int) -> nn.Module:
    layers: list[tuple[str, nn.Module]] = [("flatten", nn.Flatten())]
    for number, (before, after) in enumerate(pairwise(widths), start=1):
        layers.append((f"linear{number}", nn.Linear(before, after)))
        if number < len(widths) - 1:
            layers.append((f"relu{number}", nn.ReLU()))
    return nn.Sequential(OrderedDict(layers))


def _channels_last(module: nn.Module) -> nn.Module:
    """On a CPU max pooling is much faster when the channels lie next to each other in memory."""
    # torch's stub of this overload misses the keyword.
    return module.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
