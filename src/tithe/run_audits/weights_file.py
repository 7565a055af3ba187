"""The audit of a model that lies in a file of its own: a plan says what it is and who is in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from tithe.build import Built, build
from tithe.checks import BadInput
from tithe.plan import Plan
from tithe.report.audit_facts import AuditFacts
from tithe.run_audits.member_file import listed_pool, undealt
from tithe.run_audits.model import rows_looked_for
from tithe.run_audits.pool import Pool, pool_of
from tithe.run_audits.pool_audit import Claim, ModelOptions, audit_pool
from tithe.storage import load_tensors


@dataclass(frozen=True)
class WeightsFile:
    """A model that somebody has, and what is known of it.

    Attributes:
      path: a safetensors file with the tensors of the plan's network, by their names.
      plan: names network and data, and deals the rows that the model was trained on.
      members: a file that says which rows it was trained on instead, see ``listed_pool``.
      epsilon: what its training is said to have cost; None: nothing is known.
      delta: of that claim.
    """

    path: Path
    plan: Plan
    members: Path | None = None
    epsilon: float | None = None
    delta: float = 0.0


def audit_weights(
    file: WeightsFile,
    options: ModelOptions,
    *,
    cache: Path | None = None,
    data_root: Path | None = None,
) -> AuditFacts:
    """Audits the model in a file.

    Shadow models are the plan's whole training, whatever made the file; the more it was like that,
    the more they tell.

    Args:
      file: the model, and what is known of it.
      options: how hard it is tried; without shadow models where members are listed.
      cache: where shadow models are kept; None takes a folder beside the file.
      data_root: where data sets lie.
    Raises:
      BadInput: the tensors are not those of the plan's network, members are listed together with
        shadow models or a participant, or the rows do not carry the audit.
    """
    options.require_pairs()
    if file.members is not None and (options.num_shadows or options.participant is not None):
        raise BadInput(
            f"{file.members} says who the members are, so no participant can be named, and the "
            "plan's training cannot be repeated with others in their places; leave out "
            "--participant and take --shadows 0"
        )
    torch.set_num_threads(file.plan.run.threads)
    tensors, _ = load_tensors(file.path)
    dealt = file.plan if file.members is None else undealt(file.plan)
    built = build(dealt, data_root=data_root)
    module = _loaded(tensors, built, file.path)
    pool, names, whose = _pool(file, built, options)
    return audit_pool(
        module,
        pool,
        plan=file.plan,
        built=built,
        options=options,
        cache=cache or file.path.with_name(f"{file.path.stem}-audit"),
        name=file.path.name,
        claim=_claim(file),
        records=names,
        made={"Model": built.model_name, "Plan": file.plan.digest(), "Rows looked for": whose},
    )


def _pool(file: WeightsFile, built: Built, options: ModelOptions) -> tuple[Pool, list[str], str]:
    """Who is looked for, what each member is called, and how many they are in words."""
    if file.members is None:
        pool = pool_of(
            built,
            participant=options.participant,
            most_records=options.most_records,
            seed=options.seed,
        )
        return pool, pool.names, rows_looked_for(pool, options)
    pool = listed_pool(
        file.members,
        built,
        most_records=options.most_records,
        seed=options.seed,
    )
    num = len(pool.owners)
    whose = f"{num:,} of {file.members.name}, and as many others"
    return pool, [f"row {row}" for row in pool.rows[:num]], whose


def _claim(file: WeightsFile) -> Claim:
    if file.epsilon is None:
        return Claim(None, file.delta, "nothing is known of a claim")
    return Claim(file.epsilon, file.delta, "as stated on the command line")


def _loaded(tensors: Mapping[str, Tensor], built: Built, path: Path) -> nn.Module:
    """The plan's network with these tensors.

    Raises:
      BadInput: the first tensor, by its name, that is missing, unknown or of another shape.
    """
    module = built.phases[0].make_module()
    wanted = module.state_dict()
    for name in sorted(wanted.keys() | tensors.keys()):
        has, needs = _shape(tensors, name), _shape(wanted, name)
        if has != needs:
            raise BadInput(
                f"{path} does not hold a {built.model_name} as the plan has it: its {name} has "
                f"{has}, the network's {needs}; name the model of these weights with "
                "--set model.name"
            )
    module.load_state_dict(dict(tensors), strict=True)
    return module


def _shape(tensors: Mapping[str, Tensor], name: str) -> str:
    if name not in tensors:
        return "no values"
    return f"shape {' x '.join(map(str, tensors[name].shape)) or 'of one number'}"
