"""Which screens a server asks, as its operator wrote them into one file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError
from torch import Tensor

from tithe.checks import BadInput
from tithe.federation.central import Central
from tithe.federation.gatekeeper import Gatekeeper, Screen
from tithe.federation.screens import DirectionScreen, HeldOutScreen, NormScreen
from tithe.federation.store import UploadStore
from tithe.federation.watch import Measure
from tithe.plan.errors import problems_of
from tithe.plan.sections import AtLeastOne, Fraction, NotNegative, Positive, Section

_REMEMBERED = 50  # updates from before a restart that the screens hear of again


class LengthLimit(Section):
    """An update may be so many times as long as the median of the last ones."""

    factor: Annotated[float, Field(ge=1)] = 2.0
    """in medians"""
    window: AtLeastOne = 20
    """how many of the last applied updates count"""
    fewest: AtLeastOne = 5
    """below so many nothing is refused"""


class DirectionLimit(Section):
    """An update must not point against the last ones; for synchronous plans alone."""

    least_cosine: Annotated[float, Field(ge=-1, lt=1)] = 0.0
    """with the memory of what was applied"""
    keep: Fraction = 0.95
    """how much of the memory remains at every update"""
    fewest: AtLeastOne = 5
    """below so many nothing is refused"""


class HeldOutLimit(Section):
    """The loss on the server's own rows may rise by so much, or as recent updates raised it."""

    tolerance: Positive = 0.1
    """in nats"""
    spread: NotNegative = 3.0
    """a rise this many median distances above the median one is allowed too; 0 allows none"""
    window: AtLeastOne = 20
    """how many of the last updates count for that"""
    fewest: AtLeastOne = 5
    """below so many the tolerance alone counts"""


class Screening(Section):
    """The screens of one server: a section that is there is asked, one that is not is not."""

    length: LengthLimit | None = None
    """against updates that are too long"""
    direction: DirectionLimit | None = None
    """against updates that point the other way"""
    held_out: HeldOutLimit | None = None
    """against updates that make the joint model worse"""


def read_screening(path: Path) -> Screening:
    """Reads the file; where there is none, no screen is asked.

    Raises:
      BadInput: no TOML, or a key that is unknown or wrong; all of them at once.
    """
    try:
        return Screening.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Screening()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is no TOML: {error}") from error
    except ValidationError as error:
        problems = problems_of(error, root=Screening)
        raise BadInput("\n".join(f"{path}: {each.sentence}" for each in problems)) from error


def screens_of(
    screening: Screening, central: Central, *, store: UploadStore, measure: Measure | None
) -> tuple[Screen, ...]:
    """The screens, in the order of what they cost, with what was applied before in their memory.

    Args:
      screening: which, and how strict.
      central: whose parameters the updates are for.
      store: of the same run.
      measure: on rows of the server's own, used by nobody else; needed for ``held_out`` alone.
    Raises:
      BadInput: a screen that this plan, or this server, cannot have.
    """
    order = central.terms.phase.order
    screens: list[Screen] = []
    if screening.length is not None:
        screens.append(NormScreen(**screening.length.model_dump()))
    if screening.direction is not None:
        if order != "synchronous":
            raise BadInput(
                f'a direction screen needs exchange.order = "synchronous", got "{order}": where '
                "one trains after another it would refuse honest updates; remove [direction]"
            )
        limits = screening.direction.model_dump()
        screens.append(DirectionScreen(size=central.terms.size, **limits))
    if screening.held_out is not None:
        screens.append(_held_out(central, measure, screening.held_out))
    made = tuple(screens)
    Gatekeeper(central.terms, {}, screens=made).recall(store.last_payloads(_REMEMBERED))
    return made


def _held_out(central: Central, measure: Measure | None, limits: HeldOutLimit) -> HeldOutScreen:
    if measure is None:
        raise BadInput("a held-out screen needs rows of the server's own; remove [held_out]")

    def loss(vector: Tensor) -> float:
        return measure(vector).loss

    return HeldOutScreen(lambda: central.server.store.vector, loss, **limits.model_dump())
