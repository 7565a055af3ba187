"""Privacy events: plain facts about a release, just what an accountant needs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Literal, get_args

from tithe.checks import nearest, require_at_least, require_fraction, require_positive

Unit = Literal["record", "participant"]
"""Whose presence is hidden: one row of the data, or everything one participant holds."""

Relation = Literal["add_or_remove", "replace", "zero_out"]
"""What a neighbour is: one unit more or less; one unit changed into any other; one unit whose
contribution is zero while everybody else keeps her place."""


@dataclass(frozen=True)
class PlainSelection:
    """Coordinates were chosen by looking at raw values; which ones is itself a release.

    Guarantee: none. Its epsilon is infinite for every neighbouring relation and every delta.
    """

    num_selected: int
    rule: Literal["largest", "random_above_tau"]


@dataclass(frozen=True)
class PlainValues:
    """Raw values leave without noise; a bound alone is no protection.

    Guarantee: none. Its epsilon is infinite for every neighbouring relation and every delta.
    """

    num_values: int


@dataclass(frozen=True)
class GaussianSteps:
    """Gaussian noise was added ``count`` times, each time to a sum over a fresh sample of units.

    Guarantee: each step is the Gaussian mechanism with ``stddev = noise_multiplier * L2
    sensitivity``, the sensitivity being the one under ``relation``. Below a ``sampling_rate`` of 1
    each unit is in each step independently with that probability (Poisson sampling), and nobody
    learns who was; under "replace" each of the two units then contributes at most half the
    sensitivity, as clipped gradients do. Fixed or shuffled batches are not Poisson samples: see
    :func:`shuffled_event`.
    Source: Abadi et al. 2016, Section 3; Mironov, Talwar & Zhang 2019.
    """

    noise_multiplier: float
    sampling_rate: float = 1.0
    count: int = 1
    unit: Unit = field(kw_only=True)
    relation: Relation = field(kw_only=True)

    def __post_init__(self) -> None:
        require_positive(noise_multiplier=self.noise_multiplier)
        require_fraction(sampling_rate=self.sampling_rate)
        _require_neighbours(count=self.count, unit=self.unit, relation=self.relation)


@dataclass(frozen=True)
class RepeatedRowSteps:
    """Gaussian noise was added ``count`` times to sums over samples in which a record has copies.

    Guarantee: each step is a sum over a fresh Poisson sample of rows, every row in it independently
    with probability ``sampling_rate``; a record has at most ``most_copies`` rows, each of which
    moves the sum by at most ``1 / noise_multiplier`` standard deviations of the noise under
    ``relation``; and nobody learns which rows were taken. So a record moves a sum by at most j of
    these lengths, j binomial.
    Source: Ganesh 2024, Tight group-level DP guarantees for DP-SGD with sampling via mixture of
      Gaussians mechanisms.
    """

    noise_multiplier: float
    sampling_rate: float
    most_copies: int
    count: int = 1
    unit: Unit = field(kw_only=True)
    relation: Relation = field(kw_only=True)

    def __post_init__(self) -> None:
        require_positive(noise_multiplier=self.noise_multiplier)
        require_fraction(sampling_rate=self.sampling_rate)
        if self.sampling_rate == 1:
            raise ValueError("sampling_rate must be in (0, 1) for rows of one record, got 1.0")
        _require_whole(most_copies=self.most_copies)
        _require_neighbours(count=self.count, unit=self.unit, relation=self.relation)
        if self.unit != "record":
            raise ValueError(f'unit must be "record" for rows of one record, got "{self.unit}"')


@dataclass(frozen=True)
class TouchedRowSteps:
    """Gaussian noise was added ``count`` times to sums over samples of rows that a record touches.

    Guarantee: as for :class:`RepeatedRowSteps`, but what a record brings takes the place of other
    rows: with it there are at most ``most_brought`` rows that are not there without it, and without
    it at most ``most_taken`` that are not there with it; under "replace" the two sides are two
    records. Each row moves the sum by at most ``1 / noise_multiplier`` standard deviations of the
    noise, whatever the relation. Source: :mod:`tithe.privacy.touched_rows`, with the proof.
    """

    noise_multiplier: float
    sampling_rate: float
    most_brought: int
    most_taken: int
    count: int = 1
    unit: Unit = field(kw_only=True)
    relation: Relation = field(kw_only=True)

    def __post_init__(self) -> None:
        _require_whole(most_brought=self.most_brought, most_taken=self.most_taken)
        RepeatedRowSteps(  # which has the same rules for what the two have in common
            self.noise_multiplier,
            self.sampling_rate,
            self.most_brought,
            self.count,
            unit=self.unit,
            relation=self.relation,
        )


@dataclass(frozen=True)
class LaplaceRelease:
    """``count`` values were released, each with fresh Laplace noise.

    Guarantee: each value is ``1 / scale``-DP, ``scale`` being Laplace's b in units of that value's
    own sensitivity under ``relation``; all of them together are ``count / scale``-DP.
    Source: Dwork & Roth 2014, Theorem 3.6.
    """

    scale: float
    count: int
    unit: Unit = field(kw_only=True)
    relation: Relation = field(kw_only=True)

    def __post_init__(self) -> None:
        require_positive(scale=self.scale)
        _require_neighbours(count=self.count, unit=self.unit, relation=self.relation)


@dataclass(frozen=True)
class SparseVectorSelection:
    """At most ``count`` positions passed a noisy threshold; which ones was told, nothing else.

    The scales are Laplace's b in units of one query's sensitivity under ``relation``. Queries are
    monotonic if a neighbour moves all of them the same way. ``is_redrawn`` means that the threshold
    gets fresh noise after every position that passed. ``num_queries`` is an upper bound on how many
    were asked, fixed beforehand; it lets the Renyi accountant use one bound more.

    Guarantee: with m = 1 if monotonic and 2 if not, a redrawn threshold costs
    ``1 / threshold_scale + m / query_scale`` for each of ``count`` rounds, a kept one
    ``1 / threshold_scale + m * count / query_scale`` for all. The last round costs as much as the
    others even if nothing passed in it.
    Source: Dwork & Roth 2014, Theorems 3.23 and 3.25; Lyu, Su & Li 2017, Algorithm 7.
    """

    threshold_scale: float
    query_scale: float
    count: int
    is_redrawn: bool
    is_monotonic: bool = False
    num_queries: int | None = None
    unit: Unit = field(kw_only=True)
    relation: Relation = field(kw_only=True)

    def __post_init__(self) -> None:
        require_positive(threshold_scale=self.threshold_scale, query_scale=self.query_scale)
        _require_neighbours(count=self.count, unit=self.unit, relation=self.relation)
        _require_truth(is_redrawn=self.is_redrawn, is_monotonic=self.is_monotonic)
        if self.num_queries is not None:
            _require_whole(num_queries=self.num_queries)


@dataclass(frozen=True)
class GumbelSelection:
    """The ``count`` largest scores were found after Gumbel noise; which ones was told.

    Guarantee: one noisy sort equals ``count`` exponential mechanisms in a row, each of bounded
    range ``epsilon0 = 2 / scale`` with ``scale`` in units of the score's sensitivity under
    ``relation``. Each is epsilon0-DP and ``epsilon0**2 / 8``-zCDP.
    Source: Durfee & Rogers 2019, Section 4 (one noisy sort is peeling, and of bounded range);
      Cesar & Rogers 2021 (zCDP of bounded range).
    """

    scale: float
    count: int
    unit: Unit = field(kw_only=True)
    relation: Relation = field(kw_only=True)

    def __post_init__(self) -> None:
        require_positive(scale=self.scale)
        _require_neighbours(count=self.count, unit=self.unit, relation=self.relation)


PlainEvent = PlainSelection | PlainValues
PrivateEvent = (
    GaussianSteps
    | RepeatedRowSteps
    | TouchedRowSteps
    | LaplaceRelease
    | SparseVectorSelection
    | GumbelSelection
)
Event = PlainEvent | PrivateEvent

_KINDS: dict[str, type[Event]] = {
    "plain_selection": PlainSelection,
    "plain_values": PlainValues,
    "gaussian_steps": GaussianSteps,
    "repeated_row_steps": RepeatedRowSteps,
    "touched_row_steps": TouchedRowSteps,
    "laplace_release": LaplaceRelease,
    "sparse_vector_selection": SparseVectorSelection,
    "gumbel_selection": GumbelSelection,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def shuffled_event(
    *,
    noise_multiplier: float,
    num_passes: int,
    relation: Literal["zero_out", "replace"],
    unit: Unit = "record",
) -> GaussianSteps:
    """What ``num_passes`` passes over fixed or shuffled batches cost: no amplification is claimed.

    Guarantee: in one pass each record is in exactly one batch, so one Gaussian mechanism sees it,
    and the other steps of that pass only use what was released. It holds if the batches are formed
    without looking at the data and every sum is divided by a number fixed beforehand. It does not
    hold for "add_or_remove": one record more moves others into other batches.

    Args:
      noise_multiplier: stddev over the bound on one record's gradient, > 0. A record that is
        replaced moves a sum by twice that bound, which is charged here.
      num_passes: passes over the data, >= 1.
      relation: "zero_out" if a neighbour's record contributes nothing but keeps its place,
        "replace" if it may be any other record.
      unit: what one row stands for.
    Raises:
      ValueError: a value out of its range, or the relation "add_or_remove".
    """
    if relation not in ("zero_out", "replace"):
        raise ValueError(
            f'relation must be "zero_out" or "replace" for shuffled batches, got "{relation}": a '
            "record more or less moves others into other batches; sample with Poisson instead"
        )
    sensitivity = 2.0 if relation == "replace" else 1.0
    return GaussianSteps(
        noise_multiplier / sensitivity, count=num_passes, unit=unit, relation=relation
    )


def row_of(event: Event) -> dict[str, object]:
    """The event as plain data that JSON keeps exactly; :func:`event_of` is its inverse.

    Raises:
      TypeError: not an event.
    """
    if type(event) not in _NAMES:
        raise TypeError(f"no accountant knows the event {type(event).__name__}")
    return {"kind": _NAMES[type(event)]} | asdict(event)


def event_of(row: dict[str, object]) -> Event:
    """The event that :func:`row_of` made this row of; it guesses nothing.

    Raises:
      ValueError: the kind is unknown, a field is missing or unknown, or a value is out of range.
    """
    kind = row.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise ValueError(f"unknown kind of event {kind!r}; known are {', '.join(_KINDS)}")
    values = {name: value for name, value in row.items() if name != "kind"}
    known = [one.name for one in fields(_KINDS[kind])]
    for name in values:
        if name not in known:
            hint = nearest(name, known)
            meant = f"; did you mean {hint}?" if hint else ""
            raise ValueError(f"an event of kind {kind} has no field {name!r}{meant}")
    missing = [name for name in known if name not in values]
    if missing:
        raise ValueError(f"an event of kind {kind} needs {', '.join(missing)}")
    try:
        return _KINDS[kind](**values)  # type: ignore[arg-type]  # the guards look at every value
    except TypeError as wrong:
        raise ValueError(f"an event of kind {kind} holds a value of a wrong type") from wrong


def _require_neighbours(*, count: int, unit: str, relation: str) -> None:
    """Raises ValueError unless all three are what every private event needs."""
    _require_whole(count=count)
    if unit not in get_args(Unit):
        raise ValueError(f"unit must be one of {', '.join(get_args(Unit))}, got {unit!r}")
    if relation not in get_args(Relation):
        raise ValueError(
            f"relation must be one of {', '.join(get_args(Relation))}, got {relation!r}"
        )


def _require_whole(**named: int) -> None:
    """Raises ValueError unless every value is an integer >= 1."""
    for name, value in named.items():
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"{name} must be an integer >= 1, got {value!r}")
        require_at_least(1, **{name: value})


def _require_truth(**named: bool) -> None:
    """Raises ValueError unless every value is True or False."""
    for name, value in named.items():
        if not isinstance(value, bool):
            raise ValueError(f"{name} must be true or false, got {value!r}")
