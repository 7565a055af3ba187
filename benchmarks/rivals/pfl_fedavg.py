"""FedAvg as pfl ships it: its algorithm on its simulated backend, in one process."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Iterator

import torch
from pfl.aggregate.simulate import SimulatedBackend
from pfl.algorithm.base import NNAlgorithmParams
from pfl.algorithm.federated_averaging import FederatedAveraging
from pfl.callback.base import TrainingProcessCallback
from pfl.data import FederatedDataset
from pfl.data.dataset import Dataset
from pfl.hyperparam.base import NNTrainHyperParams
from pfl.metrics import Metrics
from pfl.model.pytorch import PyTorchModel
from rivals.task import BATCH_SIZE, LEARNING_RATE, MOST_ROUNDS, phase_of_round, tensors_of
from torch import Tensor, nn

from tithe.learning.flat import read_vector


class _Learner(nn.Module):
    """The network with what pfl asks of one."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, features: Tensor) -> Tensor:
        return self.module(features)

    def loss(self, features: Tensor, labels: Tensor) -> Tensor:
        self.train()
        return nn.functional.cross_entropy(self(features), labels)

    def metrics(self, features: Tensor, labels: Tensor) -> dict[str, object]:
        return {}


class _Stop(TrainingProcessCallback):
    """Hands the parameters over after every round, and waits until the next is asked for."""

    def __init__(self, wanted: queue.SimpleQueue[bool], came: queue.SimpleQueue[Tensor]) -> None:
        self.wanted, self.came = wanted, came

    def on_train_begin(self, *, model: PyTorchModel) -> Metrics:
        self.wanted.get()
        return Metrics()

    def after_central_iteration(
        self, aggregate_metrics: Metrics, model: PyTorchModel, *, central_iteration: int
    ) -> tuple[bool, Metrics]:
        self.came.put(read_vector(model.pytorch_model))
        return not self.wanted.get(), Metrics()


def fedavg(num_participants: int) -> Iterator[Tensor]:
    """Gives the parameters after every round, which starts when it is asked for."""
    phase = phase_of_round(num_participants)
    rows = tensors_of(phase)
    wanted: queue.SimpleQueue[bool] = queue.SimpleQueue()
    came: queue.SimpleQueue[Tensor] = queue.SimpleQueue()
    thread = threading.Thread(
        target=_run, args=(phase.make_module(), rows, _Stop(wanted, came)), daemon=True
    )
    thread.start()
    try:
        while True:
            wanted.put(item=True)
            yield came.get(timeout=600)
    finally:
        wanted.put(item=False)
        thread.join(60)


def _run(module: nn.Module, rows: list[tuple[Tensor, Tensor]], stop: _Stop) -> None:
    asyncio.set_event_loop(asyncio.new_event_loop())  # pfl asks for one, and a thread has none
    learner = _Learner(module)
    order = iter(range(10**9))
    everybody = FederatedDataset(
        lambda user: Dataset(raw_data=rows[user], user_id=str(user)),
        lambda: next(order) % len(rows),
    )
    model = PyTorchModel(
        learner,
        local_optimizer_create=torch.optim.SGD,
        central_optimizer=torch.optim.SGD(learner.parameters(), lr=1.0),
    )
    FederatedAveraging().run(
        NNAlgorithmParams(
            central_num_iterations=MOST_ROUNDS,
            evaluation_frequency=MOST_ROUNDS,
            train_cohort_size=len(rows),
            val_cohort_size=0,
        ),
        SimulatedBackend(everybody, everybody),
        model,
        NNTrainHyperParams(
            local_num_epochs=1, local_learning_rate=LEARNING_RATE, local_batch_size=BATCH_SIZE
        ),
        callbacks=[stop],
        send_metrics_to_platform=False,
    )
