"""The insider's generator: a participant that draws a class it does not hold.

It downloads the joint network like everybody else, and teaches a small generator to draw what the
network takes for the wanted class. What was drawn it hands in as rows of a class of its own, so
that those who hold the wanted class have to teach the network the difference, and the network
teaches the generator in turn. What comes out is what the class looks like, and no record of
anybody: it tells the more, the fewer people a class belongs to.

Source: Hitaj, Ateniese & Perez-Cruz 2017, section 5 and Algorithm 1; the network has no output to
spare for an invented class here, so the drawings are handed in as one that the insider holds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from tithe.audit.first_layer import correlations
from tithe.audit.scores import Floats, Integers
from tithe.checks import BadInput, require_at_least, require_positive

NOISE_SIZE = 32
_WIDTH = 32
_MARGIN = 0.1  # by which a drawing must be more alike to the class than the control is
_CLOSER = 0.05  # correlation by which members must be nearer than strangers to count as such


class Generator(nn.Module):
    """From noise ``(n, 32)`` to images ``(n, c, h, w)`` within a range; two steps of doubling.

    Args:
      shape: of one image.
      low: the smallest value of a pixel, as the network sees it.
      high: the largest.
    """

    def __init__(self, shape: tuple[int, int, int], *, low: float, high: float) -> None:
        super().__init__()
        channels, self._height, self._width = shape
        rows, columns = math.ceil(self._height / 4), math.ceil(self._width / 4)
        self._low, self._span = low, high - low
        self._layers = nn.Sequential(
            nn.Linear(NOISE_SIZE, _WIDTH * rows * columns),
            nn.Unflatten(1, (_WIDTH, rows, columns)),
            nn.LeakyReLU(0.2),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(_WIDTH, _WIDTH, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(_WIDTH, channels, 3, padding=1),
        )

    def forward(self, noise: Tensor) -> Tensor:
        """Images, cut to their shape."""
        drawn = self._layers(noise)[:, :, : self._height, : self._width]
        return self._low + self._span * torch.sigmoid(drawn)


class Insider:
    """One insider with its generator, which learns on from download to download.

    Args:
      shape: of one image.
      wanted: the class that it would like to see.
      low, high: the range of its own images, as the network sees them.
      learning_rate: of Adam, > 0.
      rng: all its draws; it is advanced.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        wanted: int,
        low: float,
        high: float,
        learning_rate: float = 2e-3,
        rng: torch.Generator,
    ) -> None:
        require_positive(learning_rate=learning_rate)
        require_at_least(0, wanted=wanted)
        if not low < high:
            raise BadInput(f"the images must have two values or more, all are {low}")
        self._wanted, self._rng = wanted, rng
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**62, (1,), generator=rng)))
            self._generator = Generator(shape, low=low, high=high)
        self._optimizer = torch.optim.Adam(self._generator.parameters(), lr=learning_rate)

    def learn(self, module: nn.Module, *, num_steps: int, batch_size: int = 32) -> float:
        """Moves the generator towards what the network takes for the wanted class.

        Args:
          module: the network as downloaded; in evaluation afterwards, its parameters left alone.
          num_steps: >= 0.
          batch_size: drawings a step, >= 1.

        Returns: the last step's mean cross entropy; NaN after no step.
        """
        require_at_least(0, num_steps=num_steps)
        require_at_least(1, batch_size=batch_size)
        module.eval()
        labels = torch.full((batch_size,), self._wanted)
        parameters = list(self._generator.parameters())
        cost = math.nan
        for _ in range(num_steps):
            loss = functional.cross_entropy(
                module(self._generator(self._noise(batch_size))), labels
            )
            for each, slope in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
                each.grad = slope  # of the generator alone: the network's own stay as they are
            self._optimizer.step()
            cost = float(loss.detach())
        return cost

    def draw(self, num_images: int) -> Tensor:
        """Some drawings, shape ``(n, c, h, w)``."""
        with torch.no_grad():
            drawn: Tensor = self._generator(self._noise(num_images))
        return drawn

    def _noise(self, count: int) -> Tensor:
        return torch.randn(count, NOISE_SIZE, generator=self._rng)


@dataclass(frozen=True, eq=False)
class Likeness:
    """What some drawings are alike to, each a mean over them.

    Attributes:
      judged: the share that a judge who saw public rows alone takes for the wanted class.
      to_class: correlation with the mean of the class's public rows, after what all classes' public
        rows have in common was taken from both.
      to_member: correlation with the nearest row of the class that was trained on.
      to_stranger: with the nearest of as many rows of the class that were not.
    """

    judged: float
    to_class: float
    to_member: float
    to_stranger: float


def likeness(
    drawn: Floats,
    judged: Floats,
    *,
    members: Floats,
    strangers: Floats,
    public_mean: Floats,
    class_mean: Floats,
) -> Likeness:
    """Measures drawings against the class.

    Args:
      drawn: shape ``(n, p)``.
      judged: whether each was taken for the class, 0 or 1, shape ``(n,)``.
      members: rows of the class that were trained on, ``(m, p)``.
      strangers: as many that were not.
      public_mean: of public rows of all classes, ``(p,)``.
      class_mean: of those of the class, ``(p,)``.
    Raises:
      BadInput: not as many strangers as members, which would make one of them the nearer.
    """
    if len(members) != len(strangers) or not len(members):
        raise BadInput(
            "members and strangers must be as many, else the more are the nearer, got "
            f"{len(members)} and {len(strangers)}"
        )
    apart = correlations(drawn - public_mean, (class_mean - public_mean)[None])
    return Likeness(
        judged=float(judged.mean()),
        to_class=float(apart.mean()),
        to_member=float(correlations(drawn, members).max(axis=1).mean()),
        to_stranger=float(correlations(drawn, strangers).max(axis=1).mean()),
    )


@dataclass(frozen=True)
class InsiderFinding:
    """What an insider drew, beside the same generator taught by a network without the class."""

    found: Likeness
    control: Likeness

    @property
    def is_drawn(self) -> bool:
        """Whether the class is seen in the drawings, and not in those of the control."""
        found, control = self.found, self.control
        return (
            found.judged > control.judged
            and found.to_class > _MARGIN
            and found.to_class > control.to_class + _MARGIN
        )

    @property
    def is_of_members(self) -> bool:
        """Whether the drawings are nearer to rows that were trained on than to others.

        The two samples may differ by themselves; so what the control has of it is taken away.
        """
        found, control = self.found, self.control
        nearer = found.to_member - found.to_stranger
        by_sample = max(0.0, control.to_member - control.to_stranger)
        return self.is_drawn and nearer > by_sample + _CLOSER

    def in_words(self, name: str) -> str:
        """One sentence for a report, about a class of this name."""
        told = (
            f"a judge takes {_percent(self.found.judged)} of its drawings for the class, and "
            f"{_percent(self.control.judged)} of those by a network that never saw the class"
        )
        if not self.is_drawn:
            return f"The insider did not draw class {name}: {told}."
        near = "nearer" if self.is_of_members else "no nearer"
        return f"The insider drew class {name}, {near} to members than to strangers: {told}."


def nearest(drawn: Floats, rows: Floats) -> Integers:
    """Which row each drawing is most alike to, shape ``(n,)``."""
    places: Integers = correlations(drawn, rows).argmax(axis=1)
    return places


def _percent(share: float) -> str:
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"
