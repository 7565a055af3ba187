"""The joint model on disk: safetensors with a JSON head, and its local, private use."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from tithe.build import Built
from tithe.checks import BadInput
from tithe.data.datasets import load
from tithe.data.features import require_images
from tithe.data.files import load_features
from tithe.data.normalise import Normalisation, normalise
from tithe.data.scattering import scatter
from tithe.learning.evaluate import predict as probabilities_of
from tithe.learning.flat import write_vector
from tithe.learning.models import build_model
from tithe.plan import Plan
from tithe.plan.options import plain
from tithe.record import write_atomically
from tithe.sharing.store import Store
from tithe.storage import load_tensors, save_tensors

OWN_FILES = ("npz:", "csv:", "images:")
MODEL = "model.safetensors"
HEAD = "model.json"
# Options of a user's own data that say how rows are read; the others say what is learned from them.
_ENCODING = ("label", "group", "drop", "categories", "delimiter", "header", "size", "channels")
COUNTERS = "counters.safetensors"


@dataclass(frozen=True)
class Predictions:
    """What the joint model says of some rows.

    Attributes:
      labels: the most likely class of each row.
      probabilities: one list a row, one number a class.
      class_names: of the classes.
      accuracy: against the labels of a named set's test part; None for files of your own.
    """

    labels: list[int]
    probabilities: list[list[float]]
    class_names: tuple[str, ...]
    accuracy: float | None


def save_joint_model(directory: Path, store: Store, *, built: Built, plan: Plan) -> None:
    """Writes the model, its head and the server's counters into a run's directory."""
    module = built.phases[0].make_module()
    write_vector(module, store.joint)
    tensors = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    head = {
        "model": built.model_name,
        "arguments": plain(built.model_arguments),
        "num_classes": built.num_classes,
        "class_names": built.class_names,
        "input_shape": built.input_shape,
        "normalisation": {
            "kind": built.normalisation.kind,
            "mean": built.normalisation.mean,
            "std": built.normalisation.std,
        },
        "features": plan.data.features,
        "data": plan.data.set,
        "columns": built.columns,
        "data_options": plain(plan.data.options),
        "plan_digest": plan.digest(),
    }
    save_tensors(directory / MODEL, tensors)
    save_tensors(directory / COUNTERS, {"counts": store.counts})
    write_atomically(directory / HEAD, (json.dumps(head, indent=2) + "\n").encode())


def load_joint_model(path: Path) -> tuple[torch.nn.Module, dict[str, object]]:
    """The module and its head, from a run's directory or its ``model.safetensors``.

    Raises:
      BadInput: a file is missing or damaged, or model and head do not belong together.
    """
    folder = path if path.is_dir() else path.parent
    weights = folder / MODEL if path.is_dir() else path
    head_path = folder / HEAD
    try:
        head = json.loads(head_path.read_text())
        name, num_classes = head["model"], int(head["num_classes"])
        arguments = dict(head["arguments"])
    except FileNotFoundError as error:
        raise BadInput(
            f"{head_path} does not exist; MODEL must be a finished run's directory or a "
            "model.safetensors with its model.json beside it"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{head_path} is damaged; it cannot be read") from error
    tensors, _ = load_tensors(weights)
    module = build_model(name, num_classes=num_classes, seed=0, arguments=arguments)
    try:
        module.load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        raise BadInput(f"{weights} does not hold the parameters of {name}") from error
    return module, head


def predict(
    model: Path,
    source: str,
    *,
    options: dict[str, object] | None = None,
    data_root: Path | None = None,
) -> Predictions:
    """Classifies rows with the joint model, on this machine alone; nothing leaves it.

    Args:
      model: a run's directory or its ``model.safetensors``.
      source: data as in a plan's ``data.set``. Of a named set the test part is classified; of your
        own npz, csv or images all rows, in their order, whether or not they have labels.
      options: as in a plan's ``data.options``; how a table is read and encoded is as in training
        unless it is said here.
      data_root: where data sets lie; None takes TITHE_DATA or the user's cache.
    Raises:
      BadInput: model or data cannot be read or do not fit each other.
    """
    module, head = load_joint_model(model)
    labels: Tensor | None = None
    if source.startswith(OWN_FILES):
        same_kind = str(head["data"]).partition(":")[0] == source.partition(":")[0]
        as_trained = {name: _dict(head["data_options"]).get(name) for name in _ENCODING}
        known = {k: v for k, v in as_trained.items() if v is not None and same_kind}
        columns = [str(name) for name in _list(head.get("columns", []))] if same_kind else []
        raw = load_features(source, options={**known, **(options or {})}, columns=columns)
    else:
        data = load(source, root=data_root, options=options or {}).test
        raw, labels = data.features, data.labels
    if head.get("features") == "scattering":
        require_images(raw, name=source)
        raw = scatter(raw)
    shape, wanted = tuple(raw.shape[1:]), tuple(_list(head["input_shape"]))
    if shape != wanted:
        raise BadInput(f"{source} must have rows of shape {wanted}, as the model, got {shape}")
    rule = head["normalisation"]
    assert isinstance(rule, dict)
    features = normalise(raw, Normalisation(rule["kind"], tuple(rule["mean"]), tuple(rule["std"])))
    probabilities = probabilities_of(module, features)
    chosen = probabilities.argmax(dim=1)
    return Predictions(
        labels=chosen.tolist(),
        probabilities=probabilities.tolist(),
        class_names=tuple(str(name) for name in _list(head["class_names"])),
        accuracy=None if labels is None else float((chosen == labels).double().mean()),
    )


def _dict(value: object) -> dict[str, object]:
    assert isinstance(value, dict)
    return value


def _list(value: object) -> list[object]:
    assert isinstance(value, list)
    return value
