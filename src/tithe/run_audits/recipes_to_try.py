"""Which recipes a rehearsal tries: the planned one, and others that differ in one thing each."""

from __future__ import annotations

from dataclasses import dataclass

from tithe.plan import Plan

THETAS = (1.0, 0.1, 0.01)
EPSILONS = (8.0, 3.0, 1.0)
_LONGER = 4
_DELTA = 1e-5


@dataclass(frozen=True)
class Trial:
    """A recipe under its name, as changes to the plan."""

    name: str
    changes: tuple[str, ...] = ()


def trials_of(plan: Plan, *, num_records: int) -> list[Trial]:
    """The planned recipe first, then sweeps of theta_u, batch, local steps and noise.

    Args:
      plan: what somebody wants to join.
      num_records: n behind each rehearsed upload.
    """
    training, sharing, privacy = plan.training, plan.sharing, plan.privacy
    found = [Trial("as planned")]
    found += [
        Trial(f"theta_u {theta:g}", (f"sharing.theta_u={theta}",))
        for theta in THETAS
        if theta != sharing.theta_u
    ]
    batch = min(training.batch_size, num_records)
    for size in (max(1, batch // _LONGER), min(num_records, batch * _LONGER)):
        if size != batch:
            found.append(Trial(f"batch {size}", (f"training.batch_size={size}",)))
    found.append(_longer(plan))
    if privacy.unit != "participant":
        one = (f"training.batch_size={num_records}", "training.local_steps=1")
        found.append(Trial("one gradient", one))
        found += [_with_noise(epsilon, batch, num_records) for epsilon in EPSILONS]
    else:
        found += [
            Trial(f"noise, epsilon {epsilon:g}", (f"privacy.epsilon={epsilon}",))
            for epsilon in EPSILONS
            if epsilon != privacy.epsilon
        ]
    return found


def _longer(plan: Plan) -> Trial:
    training = plan.training
    if training.local_steps:
        steps = training.local_steps * _LONGER
        return Trial(f"{steps} local steps", (f"training.local_steps={steps}",))
    epochs = training.local_epochs * _LONGER
    return Trial(f"{epochs:g} local epochs", (f"training.local_epochs={epochs}",))


def _with_noise(epsilon: float, batch: int, num_records: int) -> Trial:
    """DP-SGD with batches of a quarter of the records, since small ones drown in noise."""
    changes = (
        "privacy.unit=record",
        f"privacy.epsilon={epsilon}",
        f"privacy.delta={_DELTA}",
        f"training.batch_size={max(batch, num_records // 4, 1)}",
        "sharing.residual=false",
    )
    return Trial(f"noise, epsilon {epsilon:g}", changes)
