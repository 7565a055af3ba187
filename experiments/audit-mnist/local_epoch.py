"""Which records stand alone in the upload of one local epoch, beside strangers for a control."""

from __future__ import annotations

from statistics import mean

import torch
from one_record import trained
from subset import Rows, read_rows

from tithe.audit.first_layer import count_exposed, row_ratios
from tithe.audit.layer_places import first_linear
from tithe.learning.flat import read_vector, write_vector
from tithe.learning.local import LocalTraining, train_locally
from tithe.sharing.stages import Coins, keep_largest
from tithe.sharing.update import SparseUpdate, everything

LEARNING_RATE = 0.1
SIZES = ((1, 1), (8, 1), (8, 8), (32, 1), (32, 32), (128, 1), (600, 1))  # records, batch
SETTINGS = [(num, batch, theta) for num, batch in SIZES for theta in (1.0, 0.1, 0.01)]
HEAD = "| records | batch | theta_u | exposed | control: as many strangers | uploads |"
_MOST_UPLOADS = 40


def measure(num_records: int, batch_size: int, theta: float) -> dict[str, float]:
    """Shares of records that some row of the first layer shows, over uploads of other records."""
    members, others, population = read_rows()
    module = trained(population)
    place = first_linear(module)
    num_uploads = min(_MOST_UPLOADS, len(members) // num_records)
    seen, control = [], []
    for number in range(num_uploads):
        rows = torch.arange(number * num_records, (number + 1) * num_records)
        update = upload_of_epoch(
            module, members.take(rows), batch_size=batch_size, learning_rate=LEARNING_RATE,
            theta=theta, seed=number,
        )  # fmt: skip
        ratios = row_ratios(update, place)
        for found, those in ((seen, members), (control, others)):
            images = those.take(rows).features.flatten(1).double().numpy()
            found.append(count_exposed(ratios, images) / num_records)
    return {"exposed": mean(seen), "control": mean(control), "uploads": num_uploads}


def line(setting: tuple[int, int, float], figures: dict[str, float]) -> str:
    """One row of the table."""
    num, batch, theta = setting
    f = figures
    return (
        f"| {num} | {batch} | {theta:g} | {f['exposed']:.2f} | {f['control']:.2f} "
        f"| {f['uploads']} |"
    )


def upload_of_epoch(
    module: torch.nn.Module,
    rows: Rows,
    *,
    batch_size: int,
    learning_rate: float,
    theta: float,
    seed: int,
) -> SparseUpdate:
    """What one local epoch on these rows sends; the network is left as it was."""
    before = read_vector(module)
    rng = torch.Generator().manual_seed(seed)
    train_locally(
        module, rows.features, rows.labels, training=LocalTraining(batch_size=batch_size),
        learning_rate=learning_rate, rng=rng,
    )  # fmt: skip
    change = read_vector(module) - before
    write_vector(module, before)
    return keep_largest(theta_u=theta)(everything(change), Coins(rng, rng))[0]
