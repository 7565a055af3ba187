"""The audit of private training: canaries in one run against what the accountant says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from tithe.audit.bound import EpsilonBound
from tithe.audit.canaries import (
    LARGEST_BOUND,
    Canaried,
    canary_loss,
    canary_values,
    with_canaries,
)
from tithe.audit.exact import require_confidence
from tithe.audit.gaussian_run import bound_by_gaussian_run, estimate_epsilon
from tithe.audit.one_run import bound_by_one_run
from tithe.audit.scores import Scores
from tithe.checks import BadInput, require_at_least
from tithe.learning.dp_sgd import PrivateTraining, train_privately
from tithe.learning.flat import read_vector, write_vector
from tithe.privacy.accounting import epsilon_of
from tithe.privacy.events import Event, GaussianSteps, PlainValues
from tithe.privacy.noise import fast_gaussian
from tithe.randomness import SeededBits, stream
from tithe.sharing.stages import Coins, Stage
from tithe.sharing.update import everything

Draw = Callable[[int], Tensor]

_FOR_THE_SUM = 0.9  # of the level; the rest is for the second look, at single steps


@dataclass(frozen=True)
class TrainingFinding:
    """What the accountant claims of a training and what its canaries showed.

    Attributes:
      claimed: epsilon at ``delta`` by the accountant.
      shown: the larger of the two lower bounds, which share the confidence; above ``claimed``, the
        code is wrong.
      by_sum: from how far each canary's weight moved in all.
      by_steps: from how unevenly it moved from step to step; None where nothing but the uploads
        was watched. Noise that is used again is seen here.
      gaussian: the tighter form, at the whole confidence; right for Gaussian-like losses.
      estimate: epsilon of the Gaussian that the scores look like; no confidence.
      num_canaries, num_steps: in the one run.
    """

    claimed: float
    shown: float
    by_sum: EpsilonBound
    by_steps: EpsilonBound | None
    gaussian: EpsilonBound
    estimate: float
    delta: float
    num_canaries: int
    num_steps: int

    @property
    def is_rejected(self) -> bool:
        """Whether the training is proven to cost more than its accountant says."""
        return self.shown > self.claimed


def audit_training(
    module: nn.Module,
    features: Tensor,
    labels: Tensor,
    *,
    training: PrivateTraining,
    learning_rate: float,
    delta: float,
    num_canaries: int = 1000,
    num_turns: int = 1,
    share: Stage | None = None,
    claim: Sequence[Event] | None = None,
    noise: Draw | None = None,
    confidence: float = 0.95,
    seed: int,
) -> TrainingFinding:
    """Trains once with canaries among the rows and bounds from below what that cost.

    The code under trial is ``train_privately`` itself: sampling, clipping, sum, noise and step.
    With several turns and a stage after each, only what is shared of each change is watched.

    Guarantee: a training that costs at most its claim is rejected with probability at most
    ``1 - confidence``. It holds for one record that contributes nothing instead ("zero_out").
    Not covered: only an optimum attack could show the whole cost; see ``by_sum.ceiling`` for what
    so many canaries can show at best.

    Args:
      module: a fresh network; it is trained in place.
      features: of real rows, shape ``(n, ...)``.
      labels: theirs, shape ``(n,)``.
      training: of one turn; its batch size is out of n + num_canaries rows.
      learning_rate: alpha, > 0.
      delta: at which the guarantee is tested.
      num_canaries: m.
      num_turns: how often ``training`` is repeated, each time from the server's parameters.
      share: what is done to each turn's change, which is private already; None: all is shared.
      claim: what the accountant charges for all turns; None: what ``events_of`` says.
      noise: standard normal numbers; None: those that deploy, from seeded bits.
      confidence: in (0.5, 1).
      seed: of coins, batches and noise; each has a stream of its own.
    Raises:
      BadInput: a value out of its range.
    Source: Steinke, Nasr & Jagielski 2023; Nasr et al. 2023.
    """
    require_confidence(confidence)
    require_at_least(1, num_turns=num_turns)
    if training.l2_norm_bound > LARGEST_BOUND:
        raise BadInput(
            f"l2_norm_bound must be at most {LARGEST_BOUND:g}, so that a canary is sure to be "
            f"clipped, got {training.l2_norm_bound}"
        )
    coins = stream(seed, purpose="canary coins")
    canaried = with_canaries(module, features, labels, num_canaries=num_canaries, rng=coins)
    sum_scores, step_scores = _train(
        canaried,
        training,
        learning_rate=learning_rate,
        num_turns=num_turns,
        share=share,
        noise=noise or _deployed_noise(seed),
        seed=seed,
    )
    events = events_of(training, num_rows=len(canaried), num_turns=num_turns)
    took_part = canaried.took_part
    scores = Scores.split(sum_scores.numpy(), took_part=took_part)
    level = 1 - confidence
    for_sum = level * (1.0 if step_scores is None else _FOR_THE_SUM)
    by_sum = bound_by_one_run(scores, confidence=1 - for_sum, delta=delta)
    by_steps = None
    if step_scores is not None:
        uneven = Scores.split(step_scores.numpy(), took_part=took_part)
        by_steps = bound_by_one_run(uneven, confidence=1 - (level - for_sum), delta=delta)
    return TrainingFinding(
        claimed=epsilon_of(events if claim is None else claim, delta=delta),
        shown=max(by_sum.epsilon, by_steps.epsilon if by_steps else 0.0),
        by_sum=by_sum,
        by_steps=by_steps,
        gaussian=bound_by_gaussian_run(scores, confidence=confidence, delta=delta),
        estimate=estimate_epsilon(scores, delta=delta),
        delta=delta,
        num_canaries=num_canaries,
        num_steps=training.num_steps * num_turns,
    )


def events_of(training: PrivateTraining, *, num_rows: int, num_turns: int = 1) -> list[Event]:
    """What so many turns of Poisson-sampled private training cost, for "zero_out".

    Raises:
      BadInput: shuffled batches, of which a pass and not a step is charged.
    """
    if training.sampling != "poisson":
        raise BadInput(
            f'the audit of training needs sampling "poisson", got "{training.sampling}"; '
            "give the events that are charged as claim"
        )
    if not training.noise_multiplier:
        return [PlainValues(1)]
    return [
        GaussianSteps(
            training.noise_stddev / training.l2_sensitivity("zero_out"),
            training.sampling_rate(num_rows),
            training.num_steps * num_turns,
            unit="record",
            relation="zero_out",
        )
    ]


class _StepWatch:
    """Reads the canaries' weights whenever a step asks for its noise, before it is applied."""

    def __init__(self, canaried: Canaried, noise: Draw) -> None:
        self._canaried = canaried
        self._noise = noise
        self._size = sum(p.numel() for p in canaried.module.parameters() if p.requires_grad)
        self._num_drawn = 0
        self.seen: list[Tensor] = []

    def __call__(self, count: int) -> Tensor:
        """Noise, as asked for."""
        if self._num_drawn % self._size == 0:
            self.look()
        self._num_drawn += count
        return self._noise(count)

    def look(self) -> None:
        """Keeps the weights as they are now."""
        self.seen.append(self._canaried.module.values())

    def unevenness(self, num_steps: int) -> Tensor:
        """The spread of each canary's moves over the steps, shape ``(m,)``."""
        self.look()
        if len(self.seen) != num_steps + 1:
            raise RuntimeError(
                f"the audit saw {len(self.seen) - 1} steps of {num_steps}; the training has "
                "changed how it asks for noise, so the audit no longer watches it"
            )
        return torch.stack(self.seen).double().diff(dim=0).std(dim=0)


def _train(
    canaried: Canaried,
    training: PrivateTraining,
    *,
    learning_rate: float,
    num_turns: int,
    share: Stage | None,
    noise: Draw,
    seed: int,
) -> tuple[Tensor, Tensor | None]:
    """How far each canary's weight moved at the server, and how unevenly; ``(m,)`` each."""
    module, num_canaries = canaried.module, len(canaried.took_part)
    server = read_vector(module)
    is_watched = share is None and num_turns == 1 and training.num_steps > 1
    watch = _StepWatch(canaried, noise) if is_watched and training.noise_multiplier else None
    for turn in range(num_turns):
        write_vector(module, server)
        train_privately(
            module,
            canaried.features,
            canaried.labels,
            training=training,
            learning_rate=learning_rate,
            rng=stream(seed, purpose="batches", turn=turn),
            normal=watch or noise,
            loss=canary_loss,
        )
        change = read_vector(module) - server
        if share is not None:
            rng = stream(seed, purpose="share", turn=turn)
            update, _ = share(
                replace(everything(change), is_private=True), Coins(own=rng, public=rng)
            )
            change = update.dense()
        server = server + change
    moved = canary_values(server, num_canaries=num_canaries)
    return moved, watch.unevenness(training.num_steps) if watch else None


def _deployed_noise(seed: int) -> Draw:
    """The noise that deploys, from bits that repeat."""
    bits = SeededBits(stream(seed, purpose="noise"))
    return lambda count: fast_gaussian(count, bits=bits)
