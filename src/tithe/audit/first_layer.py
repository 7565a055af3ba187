"""The input that stands in the first layer's change: read, or completed from a part of it.

For one record the change of a linear first layer is a column times the input: every row is a
multiple of it, and the bias tells the multiple. If only some coordinates were sent, the rest
follows, since a matrix of rank one is known from few of its entries. Of several records each row
is a mean of inputs, and a unit that one record alone excites gives that record away.

Source: Phong, Aono, Hayashi, Wang & Moriai 2018 (the ratio); completion by alternating least
squares on the entries sent is ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tithe.audit.layer_places import LinearPlace
from tithe.audit.scores import Floats, Truths
from tithe.checks import BadInput, require_at_least
from tithe.sharing.update import SparseUpdate

_ROUNDS = 60
_ALIKE = 0.95  # correlation above which a record counts as exposed


@dataclass(frozen=True, eq=False)
class LeakedInput:
    """What an observer makes of one upload as if one record stood behind it.

    Attributes:
      values: shape ``(p,)``; inputs that no sent entry tells of are 0.
      covered: the share of inputs that some sent entry tells of.
      num_rows_with_bias: units whose bias was sent; with none the scale is unknown.
    """

    values: Floats
    covered: float
    num_rows_with_bias: int


def complete_input(
    update: SparseUpdate, place: LinearPlace, *, rounds: int = _ROUNDS
) -> LeakedInput:
    """The input behind an upload of one record, from the coordinates sent alone.

    Args:
      update: what was sent.
      place: the first layer, see ``first_linear``.
      rounds: of alternating least squares, >= 0.
    Raises:
      BadInput: the layer does not lie within the vector.
    """
    require_at_least(0, rounds=rounds)
    block, mask = sent_block(update, place)
    is_anchored = mask[:, -1] & (block[:, -1] != 0)
    start = _from_biases(block, mask, is_anchored) if is_anchored.any() else _from_svd(block)
    x = start
    for _ in range(rounds):
        u = _solve(block, mask, x)
        x = _solve(block.T, mask.T, u)
    if is_anchored.any() and x[-1] != 0:
        x = x / x[-1]
    elif x.sum() < 0:
        x = -x
    covered = mask[:, :-1].any(axis=0)
    return LeakedInput(
        np.where(covered, x[:-1], 0.0), float(covered.mean()), int(mask[:, -1].sum())
    )


def row_ratios(update: SparseUpdate, place: LinearPlace) -> Floats:
    """One candidate image a unit whose bias was sent, shape ``(r, p)``; unsent inputs are 0."""
    block, mask = sent_block(update, place)
    rows = mask[:, -1] & (block[:, -1] != 0) & mask[:, :-1].any(axis=1)
    ratios: Floats = block[rows, :-1] / block[rows, -1:]
    return ratios


def count_exposed(ratios: Floats, records: Floats, *, alike: float = _ALIKE) -> int:
    """How many of the records ``(n, p)`` some row shows, by correlation above ``alike``.

    Count as many records that took no part as well; their number is the control.
    """
    if not len(ratios):
        return 0
    return int((correlations(records, ratios).max(axis=1) > alike).sum())


def correlations(left: Floats, right: Floats) -> Floats:
    """Pearson's, each row of ``(a, p)`` with each of ``(b, p)``, shape ``(a, b)``; flat ones 0."""
    return _standardised(left) @ _standardised(right).T


def sent_block(update: SparseUpdate, place: LinearPlace) -> tuple[Floats, Truths]:
    """The layer's change with its bias as last column, ``(h, p + 1)``, and what of it was sent.

    Raises:
      BadInput: the update is of a vector that the layer does not lie in.
    """
    if max(place.weight.stop, place.bias.stop) > update.size:
        raise BadInput(
            f"the upload is of {update.size} parameters and the layer ends at "
            f"{max(place.weight.stop, place.bias.stop)}; upload and network must belong together"
        )
    shape = place.num_outputs, place.num_inputs
    dense = update.dense().double().numpy()
    sent = np.zeros(update.size, dtype=np.bool_)
    sent[update.indices.numpy()] = True

    def block(whole: Floats | Truths) -> Floats | Truths:
        weight = whole[place.weight.start : place.weight.stop].reshape(shape)
        bias = whole[place.bias.start : place.bias.stop].reshape(-1, 1)
        return np.concatenate([weight, bias], axis=1)

    return np.asarray(block(dense), dtype=np.float64), np.asarray(block(sent), dtype=np.bool_)


def _from_biases(block: Floats, mask: Truths, rows: Truths) -> Floats:
    """Least squares over the rows whose multiple is known."""
    x = _solve(block[rows].T, mask[rows].T, block[rows, -1])
    x[-1] = 1.0
    return x


def _from_svd(block: Floats) -> Floats:
    """The first right singular vector of what was sent, zeros elsewhere."""
    x: Floats = np.linalg.svd(block, full_matrices=False)[2][0]
    return -x if x.sum() < 0 else x


def _solve(block: Floats, mask: Truths, known: Floats) -> Floats:
    """The factor of each row that fits its sent entries best, shape ``(rows,)``."""
    weight = mask @ (known**2)
    product = np.where(mask, block, 0.0) @ known
    found: Floats = np.divide(product, weight, out=np.zeros(len(block)), where=weight > 0)
    return found


def _standardised(rows: Floats) -> Floats:
    centred = rows - rows.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    scaled: Floats = np.divide(centred, norms, out=np.zeros_like(centred), where=norms > 0)
    return scaled
