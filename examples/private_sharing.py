"""Private sharing as one plain loop: bound, choose, add noise, be charged, and only then upload.

Twenty participants with 70 of scikit-learn's digits each train one linear layer together. What a
participant uploads in a turn goes through one chain that reads like the method: half of the
coordinates, chosen by public coins, so that the choice tells nothing; their change, cut to an L2
norm of 0.3; Gaussian noise on it from the operating system. A ledger on disk is charged before
anything leaves, and refuses the turn that would pass the budget.

Guarantee: (epsilon 60, delta 1e-4)-differential privacy for all data of a participant together,
neighbours by "zero_out", towards everybody who sees the uploads, in total over all turns. That is
weak: one participant is hard to hide among twenty. Hiding each image by DP-SGD is far cheaper; one
line of a plan does it: privacy = {unit = "record", epsilon = 8, delta = 1e-5}.
Corner cut: everything happens in one process, so nothing crosses a wire.

Run: python examples/private_sharing.py
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

import torch
from torch import nn

from tithe.data import load
from tithe.data.normalise import choose_normalisation, normalise
from tithe.learning.evaluate import evaluate
from tithe.learning.flat import read_vector, write_vector
from tithe.learning.local import LocalTraining, train_locally
from tithe.privacy.accounting import total_cost
from tithe.privacy.calibrate import smallest_scale
from tithe.privacy.events import Event
from tithe.privacy.filter import best_order
from tithe.privacy.gate import gate_of
from tithe.privacy.ledger import Budget, BudgetExhausted, BudgetLedger
from tithe.privacy.release import gaussian_release_event
from tithe.randomness import SecureBits, stream
from tithe.sharing.private_stages import release_gaussian
from tithe.sharing.stages import Coins, chain, keep_mask
from tithe.sharing.update import everything
from tithe.storage.journal import Journal

NUM_PARTICIPANTS, ROWS_EACH, ROUNDS = 20, 70, 10
EPSILON, DELTA, NORM, THETA_U = 60.0, 1e-4, 0.3, 0.5


def main() -> None:
    """Trains, tries one turn more than the budget allows, and prints what it came to."""
    digits = load("digits")
    scale = choose_normalisation(digits.train, kind="constants")
    images, labels = normalise(digits.train.features, scale), digits.train.labels
    torch.manual_seed(1)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    w_global = read_vector(model)
    training = LocalTraining(batch_size=5)

    # The least noise with which ten turns cost epsilon, found before the first of them.
    def turn_at(noise: float) -> Event:
        return gaussian_release_event(
            noise_multiplier=noise, unit="participant", relation="zero_out"
        )

    noise = smallest_scale(lambda scale: [turn_at(scale)] * ROUNDS, epsilon=EPSILON, delta=DELTA)
    share = chain(
        keep_mask(theta_u=THETA_U),
        release_gaussian(
            l2_norm_bound=NORM,
            noise_multiplier=noise,
            relation="zero_out",
            bits_of=lambda own: SecureBits(),
        ),
    )
    order = best_order([turn_at(noise)] * ROUNDS, delta=DELTA, unit="participant")
    budget = Budget(EPSILON, DELTA, "participant", "zero_out", order)

    with tempfile.TemporaryDirectory() as folder, ExitStack() as journals:
        ledgers = []
        for participant in range(NUM_PARTICIPANTS):
            path = Path(folder) / f"participant-{participant}.sqlite"
            journal = Journal.open(path, kind="ledger", fingerprint=f"rows of {participant}")
            journals.callback(journal.close)
            ledgers.append(
                BudgetLedger(
                    journal, budget=budget, gate=gate_of(budget), run="mine", is_simulated=False
                )
            )
        for turn in range(ROUNDS):
            for participant in range(NUM_PARTICIPANTS):
                rows = slice(participant * ROWS_EACH, (participant + 1) * ROWS_EACH)
                own = stream(1, purpose="own", participant=participant, turn=turn)
                public = stream(1, purpose="mask", turn=turn)  # the same for everybody
                # 1. Download and train on the own images.
                write_vector(model, w_global)
                train_locally(
                    model, images[rows], labels[rows],
                    training=training, learning_rate=0.1, rng=own,
                )  # fmt: skip
                change = read_vector(model) - w_global
                # 2. Choose, bound, add noise: what comes out, and what it costs.
                update, events = share(everything(change), Coins(own, public))
                # 3. On disk first; only then does anything leave.
                ledgers[participant].charge(participant=participant, turn=turn, events=events)
                w_global[update.indices] += update.values

        try:
            ledgers[0].charge(participant=0, turn=ROUNDS, events=events)
        except BudgetExhausted as refused:
            print(refused)
        spent = ledgers[0].events_of(0)

    write_vector(model, w_global)
    test = normalise(digits.test.features, scale), digits.test.labels
    accuracy = evaluate(model, *test).accuracy
    cost = total_cost(spent, delta=DELTA, unit="participant")
    print(
        f"{NUM_PARTICIPANTS} participants, each hidden at a total of epsilon "
        f"{cost.pld.epsilon:.1f} (delta {DELTA:g}): {accuracy:.1%} of the test images right"
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
