"""The one place where a plan becomes objects: data, networks, participants, phases."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from tithe.build.fit import require_device, require_fit, require_images, smallest_batch
from tithe.build.phases import joint_phase, phase_alone
from tithe.build.rows import require_ids, rows_each, subset
from tithe.data.datasets import load
from tithe.data.features import with_features
from tithe.data.normalise import Normalisation, choose_normalisation
from tithe.data.shard import Shard
from tithe.learning.flat import Layer, layers_of, read_vector
from tithe.learning.models import build_model, name_for
from tithe.parties.phase import Phase
from tithe.plan import Plan
from tithe.plan.sections import DATA_SETS
from tithe.randomness import stream

__all__ = ["Built", "build"]


@dataclass(frozen=True)
class Built:
    """A plan as objects.

    Attributes:
      phases: the joint training first, then the baselines.
      model_name: the network's name, resolved.
      model_arguments: what it was built with.
      num_classes, class_names, input_shape: of the data.
      columns: names of the columns that rows were made of, if they have any.
      normalisation: how rows become inputs.
      layers: where each parameter tensor lies in the vector.
      test: the rows that nobody trains on, as they are stored.
      test_features: ``(m, ...)`` float32, normalised; test_labels: ``(m,)`` int64.
      rows_each: rows of each participant; this stays on the machine that simulates.
      data_note: where the data came from and what is special about it.
    """

    phases: tuple[Phase, ...]
    model_name: str
    model_arguments: Mapping[str, object]
    num_classes: int
    class_names: tuple[str, ...]
    input_shape: tuple[int, ...]
    columns: tuple[str, ...]
    normalisation: Normalisation
    layers: tuple[Layer, ...]
    test: Shard
    test_features: Tensor
    test_labels: Tensor
    rows_each: tuple[int, ...]
    data_note: str


def build(plan: Plan, *, data_root: Path | None = None) -> Built:
    """Loads the data and makes everything that the plan describes; writes nothing.

    Raises:
      BadInput: data, partition, network and plan do not fit together.
    """
    require_device(plan.run.device)
    splits = load(plan.data.set, root=data_root, options=plan.data.options)
    train = subset(splits.train, plan.data.train_rows, seed=plan.seed, key="train_rows")
    test = subset(splits.test, plan.data.test_rows, seed=plan.seed, key="test_rows")
    is_public = plan.data.set in DATA_SETS
    train = with_features(train, plan.data.features, may_keep=is_public)
    test = with_features(test, plan.data.features, may_keep=is_public)
    is_plain = plan.data.features == "pixels"
    normalisation = choose_normalisation(
        train,
        kind=plan.data.normalise if is_plain else "none",
        mean=plan.data.mean,
        std=plan.data.std,
    )
    shards = [Shard(train, rows, normalisation) for rows in rows_each(plan, train)]
    require_ids(plan, len(shards))
    shape = tuple(train.features.shape[1:])
    require_images(plan, shape)
    model_name, arguments = _model(plan, shape)
    module = build_model(
        model_name,
        num_classes=train.num_classes,
        seed=_model_seed(plan),
        arguments=arguments,
        initial=plan.model.initial,
    )
    test_shard = Shard(test, torch.arange(len(test)), normalisation)
    test_features, test_labels = test_shard.tensors()
    require_fit(
        module,
        model_name,
        test_features,
        num_classes=train.num_classes,
        smallest_batch=min(smallest_batch(plan, i, len(each)) for i, each in enumerate(shards)),
    )
    initial = read_vector(module)
    make_module = partial(copy.deepcopy, module)
    phases = [joint_phase(plan, shards, initial, make_module)]
    if plan.baselines.centralised:
        everything = torch.cat([shard.rows for shard in shards]).unique()
        pooled = Shard(train, everything, normalisation)
        num_merged = len(shards)
        phases.append(
            phase_alone(plan, "centralised", pooled, initial, make_module, num_merged=num_merged)
        )
    for number in range(min(plan.baselines.standalone, len(shards))):
        name = f"standalone-{number}"
        phases.append(phase_alone(plan, name, shards[number], initial, make_module, number=number))
    return Built(
        phases=tuple(phases),
        model_name=model_name,
        model_arguments=arguments,
        num_classes=train.num_classes,
        class_names=train.class_names,
        input_shape=shape,
        columns=train.columns,
        normalisation=normalisation,
        layers=layers_of(module),
        test=test_shard,
        test_features=test_features,
        test_labels=test_labels,
        rows_each=tuple(len(shard) for shard in shards),
        data_note=splits.note,
    )


def _model(plan: Plan, shape: tuple[int, ...]) -> tuple[str, Mapping[str, object]]:
    """The network's name and its arguments; a linear one is made for the rows there are."""
    name = plan.model.name
    if name == "auto":
        name = "linear" if plan.data.features == "scattering" else name_for(shape)
    if name != "linear" or "shape" in plan.model.arguments:
        return name, plan.model.arguments
    groups = 27 if shape[0] % 27 == 0 else 1
    return name, {"shape": list(shape), "groups": groups, **plan.model.arguments}


def _model_seed(plan: Plan) -> int:
    return int(torch.randint(2**62, (1,), generator=stream(plan.seed, purpose="initial")))
