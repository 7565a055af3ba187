"""The paper's distributed selective SGD as one plain loop, to be read beside its pseudocode.

Five participants with 40 images each learn to read scikit-learn's digits together. Each in its
turn takes the global parameters, trains one epoch on its own images, and hands back only the tenth
of its changes that is largest, each bounded by gamma. The server adds what comes.

Guarantee: none. The images stay where they are, but what is handed back is computed from them, so
epsilon is infinite. Corner cut: everything happens in one process, so nothing crosses a wire.

Run: python examples/selective_sgd.py
Source: Shokri & Shmatikov, "Privacy-Preserving Deep Learning", CCS 2015.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from tithe.data import load
from tithe.data.normalise import choose_normalisation, normalise
from tithe.learning.models import build_model
from tithe.randomness import stream

SEED = 1
NUM_PARTICIPANTS, ROWS_EACH, ROUNDS = 5, 40, 12
ALPHA, BATCH_SIZE = 0.05, 4
THETA_U, GAMMA = 0.1, 0.05


def train(seed: int = SEED, rounds: int = ROUNDS) -> tuple[Tensor, float]:
    """Returns the global parameters, shape ``(d,)``, and their accuracy on the test images."""
    digits = load("digits")
    scale = choose_normalisation(digits.train, kind="constants")
    images, labels = normalise(digits.train.features, scale), digits.train.labels
    order = torch.randperm(len(labels), generator=stream(seed, purpose="partition"))
    shards = [rows.sort().values for rows in order[: NUM_PARTICIPANTS * ROWS_EACH].split(ROWS_EACH)]

    # They agreed on an architecture and on where to begin.
    initial_seed = int(torch.randint(2**62, (1,), generator=stream(seed, purpose="initial")))
    model = build_model("digits-mlp", num_classes=10, seed=initial_seed)
    parameters = list(model.parameters())
    w_global = flat(parameters)
    num_shared = int(THETA_U * len(w_global))
    stat = torch.zeros_like(w_global)  # how often each parameter was updated

    for turn in range(rounds):
        for participant in range(NUM_PARTICIPANTS):
            # 1. Download: with theta_d = 1, all parameters overwrite the local ones.
            load_flat(parameters, w_global)
            # 2. One epoch of SGD on the local images.
            rng = stream(seed, purpose="batches", participant=participant, turn=turn)
            torch.randint(2**62, (1,), generator=rng)  # what a network with dropout is seeded by
            x, y = images[shards[participant]], labels[shards[participant]]
            for batch in torch.randperm(ROWS_EACH, generator=rng).split(BATCH_SIZE):
                model.zero_grad()
                cross_entropy(model(x[batch]), y[batch]).backward()
                with torch.no_grad():
                    for p in parameters:
                        p.add_(p.grad, alpha=-ALPHA)
            # 3. What the epoch changed.
            delta_w = flat(parameters) - w_global
            # 4. The largest of it; among equals, those that come first.
            S = delta_w.abs().sort(descending=True, stable=True).indices[:num_shared]
            # 5. Bounded, and uploaded: the server adds it and counts.
            w_global[S] += delta_w[S].clamp(-GAMMA, GAMMA)
            stat[S] += 1

    load_flat(parameters, w_global)
    with torch.no_grad():
        guesses = model(normalise(digits.test.features, scale)).argmax(dim=1)
    return w_global, float((guesses == digits.test.labels).double().mean())


def flat(parameters: list[torch.nn.Parameter]) -> Tensor:
    """All parameters as one new vector."""
    return torch.cat([p.detach().reshape(-1) for p in parameters])


def load_flat(parameters: list[torch.nn.Parameter], vector: Tensor) -> None:
    """The inverse of ``flat``."""
    with torch.no_grad():
        for p, values in zip(
            parameters, vector.split([p.numel() for p in parameters]), strict=True
        ):
            p.copy_(values.view_as(p))


if __name__ == "__main__":
    _, accuracy = train()
    print(
        f"{NUM_PARTICIPANTS} participants with {ROWS_EACH} images each, sharing {THETA_U:.0%} of "
        f"their changes for {ROUNDS} rounds: {accuracy:.1%} of the test images right (seed {SEED})"
    )
