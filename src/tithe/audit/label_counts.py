"""How many records of each class stand behind an upload, read off ten numbers of it.

The last bias moves by the sum, over records, of "is the class" minus "was thought to be the class".
The second part follows from what the downloaded network thinks of public records, so the first can
be solved for. These are also among the largest changes, so choosing the largest sends them first.

Source: the sign rule is Zhao, Mopuri & Bilen 2020; counts by non-negative least squares are ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from tithe.audit.layer_places import LinearPlace
from tithe.audit.scores import Floats, Integers, Truths
from tithe.checks import BadInput, require_at_least, require_positive
from tithe.sharing.update import SparseUpdate


@dataclass(frozen=True, eq=False)
class LabelCounts:
    """What an observer takes the classes' counts for.

    Attributes:
      counts: shape ``(c,)``, >= 0, with the sum that was given.
      num_classes_sent: classes whose bias was sent.
    """

    counts: Floats
    num_classes_sent: int


def label_of_one(update: SparseUpdate, place: LinearPlace) -> int | None:
    """The class of the only record behind an upload; None if no bias rose.

    Only the right class's bias moves up.
    """
    change, sent = _last_bias(update, place)
    best = int(np.where(sent, change, -np.inf).argmax())
    return best if sent[best] and change[best] > 0 else None


def count_labels(
    update: SparseUpdate,
    place: LinearPlace,
    *,
    num_records: int,
    batch_size: int,
    learning_rate: float,
    thought: Floats,
    num_epochs: float = 1.0,
    chose_largest: bool = False,
) -> LabelCounts:
    """The counts behind one local epoch (or several) of plain SGD.

    First order in the steps: the network is taken not to change within the turn.

    Args:
      update: what was sent.
      place: the last layer, see ``last_linear``.
      num_records: n, as the observer knows or guesses it.
      batch_size: B of local training.
      learning_rate: alpha of the turn.
      thought: what the downloaded network thinks of public records, shape ``(c, c)``: row k is the
        mean probabilities of records of class k.
      num_epochs: passes over the records.
      chose_largest: the largest changes were sent, as the recipe says, so that what was not sent
        is next to nothing; else nothing is known of it.
    Raises:
      BadInput: ``thought`` is not of the network's classes, or a value is out of its range.
    """
    require_positive(learning_rate=learning_rate, num_epochs=num_epochs)
    require_at_least(1, num_records=num_records, batch_size=batch_size)
    change, sent = _last_bias(update, place)
    num_classes = len(change)
    if thought.shape != (num_classes, num_classes):
        raise BadInput(
            f"thought must have shape ({num_classes}, {num_classes}), got {thought.shape}"
        )
    per_record = min(batch_size, num_records) / learning_rate / num_epochs
    known = np.ones_like(sent) if chose_largest else sent  # an unsent change stands as 0
    matrix = (np.eye(num_classes) - thought.T)[known]
    weight = float(num_classes)  # the sum is known far better than any difference
    rows = np.concatenate([matrix, np.full((1, num_classes), weight)])
    right = np.concatenate([change[known] * per_record, [weight * num_records]])
    counts, _ = nnls(rows, right)
    total = counts.sum()
    scaled = (
        counts * num_records / total if total else np.full(num_classes, num_records / num_classes)
    )
    return LabelCounts(np.asarray(scaled, dtype=np.float64), int(sent.sum()))


def share_miscounted(counts: Floats, truth: Integers) -> float:
    """The share of records put into a wrong class, in [0, 1]; guess uniformly for a control."""
    return float(np.abs(counts - truth).sum() / 2 / truth.sum())


def mean_thought(probabilities: Floats, labels: Integers, *, num_classes: int) -> Floats:
    """What a network thinks of public records, class by class, ``(c, c)``.

    Raises:
      BadInput: a class has no public record.
    """
    missing = np.setdiff1d(np.arange(num_classes), labels)
    if len(missing):
        raise BadInput(
            f"public records of every class are needed, got none of {len(missing)} classes"
        )
    return np.stack([probabilities[labels == k].mean(axis=0) for k in range(num_classes)])


def _last_bias(update: SparseUpdate, place: LinearPlace) -> tuple[Floats, Truths]:
    """The change of the last bias and which of it was sent, shape ``(c,)`` each."""
    sent = np.zeros(update.size, dtype=np.bool_)
    sent[update.indices.numpy()] = True
    part = slice(place.bias.start, place.bias.stop)
    return update.dense().double().numpy()[part], sent[part]
