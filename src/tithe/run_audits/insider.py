"""A simulation of an insider on rows at hand: what it would draw of a class it does not hold.

The plan is played twice with one participant as the insider: once as it is, once with a network
that never saw the class. Nothing leaves this machine, and no federation is attacked.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tithe.audit.first_layer import correlations
from tithe.audit.insider import Insider, InsiderFinding, Likeness, likeness, nearest
from tithe.audit.scores import Floats
from tithe.build import Built, build
from tithe.build.phases import chain_of, joint_phase
from tithe.checks import BadInput, require_at_least
from tithe.data.shard import Shard
from tithe.learning.evaluate import evaluate
from tithe.plan import Plan
from tithe.randomness import stream
from tithe.report.audit_facts import AuditFacts, Drawn, Rebuilt
from tithe.run_audits.gallery import SHOWN, as_uri, is_image
from tithe.run_audits.insider_cast import Cast, cast_of
from tithe.run_audits.insider_turns import Habit, InsiderTurns
from tithe.run_audits.retraining import played, require_repeatable

NUM_JUDGED = 200
_FEWEST = 5  # rows of the class on a side; with fewer no mean of it means anything
CONTROL = "the same, by a network without the class"
_WHOSE = (
    "what a class that many hold looks like anybody may know; one that a single participant holds "
    "tells of that participant"
)
ASSUMED = (
    "this is a simulation on rows at hand with one participant as the insider; nothing was sent",
    "the insider sees every download, holds no row of the class, and may hand in what it likes",
    _WHOSE,
)


@dataclass(frozen=True)
class InsiderOptions:
    """How the insider is played.

    Attributes:
      wanted: the name of the class it would like to see; None: of those that the fewest hold, the
        one with the most rows.
      participant: who is the insider; None: of those with the fewest rows of the class, the first.
      is_sole: give all rows of the class to one other participant.
      num_steps: of the generator in a turn, >= 1.
      num_drawings: that it hands in as rows in a turn, >= 0.
      seed: of its draws.
    """

    wanted: str | None = None
    participant: int | None = None
    is_sole: bool = False
    num_steps: int = 50
    num_drawings: int = 32
    seed: int = 1


def audit_insider(
    plan: Plan, options: InsiderOptions, *, data_root: Path | None = None
) -> AuditFacts:
    """Plays the insider and its control and says what was drawn.

    Raises:
      BadInput: rows that are no images, fewer than two participants, a class or participant that
        there is not, or too few public rows of the class.
    """
    require_at_least(1, num_steps=options.num_steps)
    require_at_least(0, num_drawings=options.num_drawings)
    require_repeatable(plan)
    torch.set_num_threads(plan.run.threads)
    built = build(plan, data_root=data_root)
    if not is_image(built.test_features):
        raise BadInput(
            "an insider draws images with one channel or three, got rows of shape "
            f"{tuple(built.test_features.shape[1:])}"
        )
    cast = cast_of(
        built, wanted=options.wanted, participant=options.participant, is_sole=options.is_sole
    )
    gauge = _Gauge(built, cast, seed=options.seed)
    drawn, accuracy = _play(plan, built, cast, cast.shards, options)
    control, without = _play(plan, built, cast, cast.without_class(), options)
    finding = InsiderFinding(gauge.of(drawn), gauge.of(control))
    name = built.class_names[cast.wanted]
    mean = gauge.of(torch.from_numpy(gauge.class_mean).view(1, *drawn.shape[1:]))
    kinds = (("the insider's drawings", finding.found), (CONTROL, finding.control),
             ("the mean of public rows of the class", mean))  # fmt: skip
    return AuditFacts.without_scores(
        "insider",
        name=plan.name,
        assumed=ASSUMED,
        made={
            "Plan": plan.digest(),
            "Insider": f"participant {cast.insider}, its drawings called {cast.called_name}",
            "Class": f"{name}, held by {cast.num_owners} of {len(cast.shards)} participants",
            "A turn": f"{options.num_steps} steps of the generator, "
            f"{options.num_drawings} drawings handed in",
            "Rounds": str(plan.exchange.rounds),
            "Network": f"right about {accuracy:.0%} of public rows, the control's {without:.0%}",
            "Judge": f"right about {gauge.accuracy:.0%} of {gauge.num_asked} other public rows",
            "Seed": str(options.seed),
        },
        gallery=(
            *gauge.pictures(drawn, "drawing", name),
            *gauge.pictures(control, "drawing without the class", name),
        ),
        gallery_words=finding.in_words(name),
        drawn=tuple(Drawn(title, **asdict(each)) for title, each in kinds),
    )


def _play(
    plan: Plan, built: Built, cast: Cast, shards: list[Shard], options: InsiderOptions
) -> tuple[Tensor, float]:
    """Drawings after a whole training with these rows, ``(200, c, h, w)``; how good it became."""
    phase = joint_phase(plan, shards, built.phases[0].initial, built.phases[0].make_module)
    rows, _ = cast.shards[cast.place].tensors()
    channels, height, width = rows.shape[1:]
    insider = Insider(
        (channels, height, width),
        wanted=cast.wanted,
        low=float(rows.min()),
        high=float(rows.max()),
        rng=stream(options.seed, purpose="insider"),
    )
    habit = Habit(options.num_steps, options.num_drawings, cast.called)
    share = chain_of(plan.for_participant(cast.insider).sharing)
    engine = InsiderTurns(phase, cast.place, insider, habit, share=share)
    module = played(phase, engine)
    accuracy = evaluate(module, built.test_features, built.test_labels).accuracy
    return insider.draw(NUM_JUDGED), accuracy


class _Gauge:
    """What drawings are held against: a judge, means of public rows, members and strangers.

    Half of the public rows teach the judge and make the means; strangers come from the other half.
    """

    def __init__(self, built: Built, cast: Cast, *, seed: int) -> None:
        from sklearn.svm import SVC

        rng = np.random.default_rng(seed)
        labels = built.test_labels.numpy()
        rows = built.test_features.flatten(1).double().numpy()
        order = rng.permutation(len(labels))
        known, other = order[: len(order) // 2], order[len(order) // 2 :]
        of_class = known[labels[known] == cast.wanted]
        strangers = rows[other[labels[other] == cast.wanted]]
        members = cast.rows_of_class()
        num = min(len(members), len(strangers))
        if min(num, len(of_class)) < _FEWEST:
            raise BadInput(
                f"the class must have at least {_FEWEST} rows with the others and "
                f"{2 * _FEWEST} public ones, got {len(members)} and "
                f"{int((labels == cast.wanted).sum())}; take another with --class"
            )
        self._wanted = cast.wanted
        self._shape = tuple(built.input_shape)
        self._judge = SVC().fit(rows[known], labels[known])
        self.accuracy = float(self._judge.score(rows[other], labels[other]))
        self.num_asked = len(other)
        self._members = members[rng.permutation(len(members))[:num]]
        self._strangers = strangers[:num]
        self._public_mean: Floats = rows[known].mean(axis=0)
        self.class_mean: Floats = rows[of_class].mean(axis=0)

    def of(self, drawn: Tensor) -> Likeness:
        """What they are alike to."""
        flat = drawn.flatten(1).double().numpy()
        return likeness(
            flat,
            np.asarray(self._judge.predict(flat) == self._wanted, dtype=np.float64),
            members=self._members,
            strangers=self._strangers,
            public_mean=self._public_mean,
            class_mean=self.class_mean,
        )

    def pictures(self, drawn: Tensor, what: str, name: str) -> tuple[Rebuilt, ...]:
        """The first few as they came, each beside its nearest row and the class's mean."""
        flat = drawn[:SHOWN].flatten(1).double().numpy()
        rows = self._members[nearest(flat, self._members)]
        alike = correlations(flat, rows).diagonal()
        beside = correlations(self.class_mean[None], rows)[0]
        return tuple(
            Rebuilt(
                record=f"{what} {number + 1}",
                label=name,
                truth=self._as_uri(rows[number]),
                rebuilt=self._as_uri(flat[number]),
                control=self._as_uri(self.class_mean),
                alike=float(alike[number]),
                control_alike=float(beside[number]),
            )
            for number in range(len(flat))
        )

    def _as_uri(self, flat: Floats) -> str:
        return as_uri(torch.from_numpy(flat).view(self._shape))
