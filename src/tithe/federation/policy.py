"""The policy: what a participant allows, whatever the server asks for."""

from __future__ import annotations

import datetime as dt
import math
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from tithe.checks import BadInput
from tithe.federation.audit_gates import AuditGates, is_protected
from tithe.parties.participant import Participant
from tithe.plan import Plan
from tithe.plan.errors import problems_of
from tithe.plan.privacy import Mechanism
from tithe.plan.sections import AtLeastOne, Fraction, NotNegative, Positive, Section

_STRENGTH = {"none": 0, "record": 1, "participant": 2}


class Policy(Section):
    """One participant's limits, read from its own TOML file; nothing that arrives changes them."""

    plan: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    """the digest of the one plan that is allowed; empty: any plan that was consented to"""
    theta_u: Fraction = 1.0
    """an upload holds at most this fraction of the parameters"""
    gamma: NotNegative = 0.0
    """every value must be bounded to this before it leaves or is noised; 0 asks for no bound"""
    l2_norm_bound: NotNegative = 0.0
    """the plan's L2 bound must be at most this; 0 asks for none"""
    unit: Literal["none", "record", "participant"] = "record"
    """who must be protected at least; "none" lets plain values leave, at infinite epsilon"""
    mechanism: tuple[Mechanism, ...] = ("mask", "noise_first", "gumbel", "sparse_vector")
    """for unit participant: which of them may choose what leaves"""
    epsilon: Positive = 8.0
    """the most that all turns of all runs on these data may cost"""
    delta: Annotated[float, Field(ge=0, lt=1)] = 1e-5
    """the probability that goes with it, at most"""
    secure_noise: bool = True
    """noise must come from the operating system and not from a seed that the server knows"""
    own_code: bool = False
    """the plan may name a network by module:function, code that is installed on this machine"""
    turns_per_hour: AtLeastOne = 3600
    """further turns have to wait"""
    until: dt.date | None = None
    """the last day on which turns are taken; none: no last day"""
    drift_check: bool = True
    """measure each download on held-out rows, for the participant's own eyes"""
    audit: AuditGates = AuditGates()
    """what to do about recipes that are known to tell much"""

    def reasons_against(self, plan: Plan, participant: Participant, *, today: dt.date) -> list[str]:
        """Why this plan is not allowed, one sentence each; nothing if it is.

        Args:
          plan: what the server proposes.
          participant: what the plan makes of this participant, built from its own rows: what its
            turns cost is read off this and not off what the plan says of itself.
          today: the day on which a turn would be taken.
        """
        return [
            *self._about_identity(plan, today),
            *self._about_sharing(plan, participant.number),
            *self._about_privacy(plan, participant),
            *(each.sentence for each in self.audit.objections(plan, participant) if each.forbids),
        ]

    def warnings_about(self, plan: Plan, participant: Participant) -> list[str]:
        """What is known to be told by this plan although it is allowed, one sentence each."""
        objections = self.audit.objections(plan, participant)
        return [each.sentence for each in objections if not each.forbids]

    def allows_code_of(self, plan: Plan) -> bool:
        """Whether the plan may be built at all: what it names by module:function would be run."""
        return self.own_code or ":" not in plan.model.name

    def _about_identity(self, plan: Plan, today: dt.date) -> Iterator[str]:
        if self.plan and plan.digest() != self.plan:
            yield f"plan must have the digest {self.plan[:12]}..., got {plan.digest()[:12]}..."
        if not self.allows_code_of(plan):
            yield f"model.name must be one of Tithe's own networks, got {plan.model.name}"
        if self.until is not None and today > self.until:
            yield f"until is {self.until}, and today is {today}"

    def _about_sharing(self, plan: Plan, number: int) -> Iterator[str]:
        sharing = plan.for_participant(number).sharing
        if sharing.theta_u > self.theta_u:
            yield f"sharing.theta_u must be at most {self.theta_u}, got {sharing.theta_u}"
        if self.gamma and not 0 < sharing.gamma <= self.gamma:
            yield f"sharing.gamma must be in (0, {self.gamma}], got {sharing.gamma}"
        bound = plan.privacy.l2_norm_bound
        if self.l2_norm_bound and bound > self.l2_norm_bound:
            yield f"privacy.l2_norm_bound must be at most {self.l2_norm_bound}, got {bound}"

    def _about_privacy(self, plan: Plan, participant: Participant) -> Iterator[str]:
        privacy = plan.privacy
        if _STRENGTH[privacy.unit] < _STRENGTH[self.unit]:
            yield f"privacy.unit must protect each {self.unit}, got {privacy.unit}"
        if self.unit == "none":
            return
        budget = participant.budget
        if not is_protected(participant) or budget is None or math.isinf(budget.epsilon):
            yield "epsilon must be finite, and this plan lets plain values leave, which costs all"
            return
        if budget.epsilon > self.epsilon:
            yield f"privacy.epsilon must be at most {self.epsilon}, got {budget.epsilon}"
        if budget.delta > self.delta:
            yield f"privacy.delta must be at most {self.delta}, got {budget.delta}"
        if self.secure_noise and not participant.has_secure_noise:
            yield 'privacy.noise must be "secure", got "simulated", which who knows the seed undoes'
        if privacy.unit == "participant" and privacy.mechanism not in self.mechanism:
            allowed = ", ".join(self.mechanism)
            yield f"privacy.mechanism must be one of {allowed}, got {privacy.mechanism}"


def read_policy(path: Path) -> Policy:
    """Reads a policy file.

    Raises:
      BadInput: no such file, no TOML, or a key that is unknown or wrong; all of them at once.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        if isinstance(table.get("mechanism"), list):
            table["mechanism"] = tuple(table["mechanism"])
        gates = table.get("audit")
        if isinstance(gates, dict) and isinstance(gates.get("approved"), list):
            gates["approved"] = tuple(gates["approved"])
        return Policy.model_validate(table)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} is no TOML: {error}") from error
    except ValidationError as error:
        sentences = [f"{path}: {each}" for each in _sentences(error)]
        raise BadInput("\n".join(sentences)) from error


def _sentences(error: ValidationError) -> list[str]:
    try:
        return [problem.sentence for problem in problems_of(error, root=Policy)]
    except KeyError:  # a day has no name among a plan's kinds of value
        return [
            f"{'.'.join(str(part) for part in each['loc'])} is wrong: {each['msg']}"
            for each in error.errors()
        ]
