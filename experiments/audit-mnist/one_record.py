"""What an upload of one record shows: the image itself, its label, and which of 597 it is."""

from __future__ import annotations

import numpy as np
import torch
from subset import Rows, fresh_network, read_rows

from tithe.audit.first_layer import complete_input, correlations
from tithe.audit.label_counts import label_of_one
from tithe.audit.layer_places import first_linear, last_linear
from tithe.audit.record_gradients import record_gradients
from tithe.learning.flat import read_vector, write_vector
from tithe.learning.local import LocalTraining, train_locally
from tithe.sharing.stages import Coins, Stage, keep_largest, keep_mask
from tithe.sharing.update import SparseUpdate, everything

NUM_IMAGES = 40
SETTINGS = [("largest", 1.0), ("largest", 0.1), ("largest", 0.01), ("largest", 0.001),
            ("mask", 0.1), ("mask", 0.01)]  # fmt: skip
HEAD = (
    "| choice | theta_u | correlation (min) | inputs covered | rows with bias | "
    "right image of 597 by pixels | by gradient | label by sign |"
)


def measure(choice: str, theta: float) -> dict[str, float]:
    """Means over 40 images that the network was not trained on."""
    share = keep_largest(theta_u=theta) if choice == "largest" else keep_mask(theta_u=theta)
    members, _, population = read_rows()
    module = trained(members)
    records = population.features.flatten(1).double().numpy()
    gradients = record_gradients(module, population.features, population.labels)
    first, last = first_linear(module), last_linear(module)
    alike, rows = [], []
    for number in range(NUM_IMAGES):
        update = one_upload(module, population, number, share)
        found = complete_input(update, first)
        to_all = correlations(found.values[None], records)[0]
        columns = gradients[:, update.indices]
        to_gradients = -(columns @ update.values) / columns.norm(dim=1).clamp(min=1e-20)
        alike.append(float(to_all[number]))
        rows.append(
            [
                found.covered,
                found.num_rows_with_bias,
                to_all.argmax() == number,
                int(to_gradients.argmax()) == number,
                label_of_one(update, last) == int(population.labels[number]),
            ]
        )
    covered, biases, by_pixels, by_gradient, label = np.mean(rows, axis=0).tolist()
    return {
        "correlation": float(np.mean(alike)), "smallest": min(alike), "covered": covered,
        "rows_with_bias": biases, "by_pixels": by_pixels, "by_gradient": by_gradient,
        "label": label,
    }  # fmt: skip


def line(setting: tuple[str, float], figures: dict[str, float]) -> str:
    """One row of the table."""
    f = figures
    return (
        f"| {setting[0]} | {setting[1]:g} | {f['correlation']:.3f} ({f['smallest']:.3f}) "
        f"| {f['covered']:.2f} | {f['rows_with_bias']:.1f} | {f['by_pixels']:.2f} "
        f"| {f['by_gradient']:.2f} | {f['label']:.2f} |"
    )


def trained(members: Rows, *, learning_rate: float = 0.1) -> torch.nn.Module:
    """300 steps of plain SGD."""
    module = fresh_network()
    train_locally(
        module, members.features, members.labels,
        training=LocalTraining(batch_size=32, local_steps=300), learning_rate=learning_rate,
        rng=torch.Generator().manual_seed(1),
    )  # fmt: skip
    return module


def one_upload(module: torch.nn.Module, rows: Rows, number: int, share: Stage) -> SparseUpdate:
    """What one step on one image changes, as shared; the network is left as it was."""
    before = read_vector(module)
    rng = torch.Generator().manual_seed(number)
    some = slice(number, number + 1)
    train_locally(
        module, rows.features[some], rows.labels[some],
        training=LocalTraining(batch_size=1), learning_rate=0.1, rng=rng,
    )  # fmt: skip
    change = read_vector(module) - before
    write_vector(module, before)
    return share(everything(change), Coins(rng, rng))[0]
