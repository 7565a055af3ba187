"""FedAvg as Flower ships it: its strategy and its simulation with two actors."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

import ray
import torch
from flwr.app import ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg
from flwr.simulation import run_simulation
from rivals.task import phase_of_round, plain_turn, tensors_of
from torch import Tensor, nn

from tithe.learning.flat import write_vector
from tithe.parties.phase import Phase

_held: list[tuple[Phase, list[tuple[Tensor, Tensor]], nn.Module]] = []  # at most one: this actor's


def fedavg(num_participants: int) -> Iterator[Tensor]:
    """Gives the parameters after every round, which starts when it is asked for."""
    phase = phase_of_round(num_participants)
    wanted: queue.SimpleQueue[bool] = queue.SimpleQueue()
    came: queue.SimpleQueue[Tensor] = queue.SimpleQueue()
    server = ServerApp()

    @server.main()
    def main(grid: Grid, _: Context) -> None:
        strategy = FedAvg(
            fraction_train=1.0,
            fraction_evaluate=0.0,
            min_train_nodes=num_participants,
            min_available_nodes=num_participants,
        )
        module = phase.make_module()
        arrays, turn = ArrayRecord(module.state_dict()), 0
        while wanted.get():
            config = ConfigRecord({"turn": turn})
            result = strategy.start(grid, arrays, num_rounds=1, train_config=config)
            arrays, turn = result.arrays, turn + 1
            state = arrays.to_torch_state_dict()
            came.put(torch.cat([state[name].reshape(-1) for name, _ in module.named_parameters()]))

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    resources = {"client_resources": {"num_cpus": 1, "num_gpus": 0.0}}
    app = _client(ray.put(phase))
    thread = threading.Thread(
        target=run_simulation, args=(server, app, num_participants, "ray", resources)
    )
    thread.start()
    try:
        while True:
            wanted.put(item=True)
            yield came.get(timeout=600)
    finally:
        wanted.put(item=False)
        thread.join(60)


def _client(reference: object) -> ClientApp:
    app = ClientApp()

    @app.train()
    def train(message: Message, context: Context) -> Message:
        return trained(message, context, reference)  # by name, so that it finds what is held

    return app


def trained(message: Message, context: Context, reference: object) -> Message:
    """One participant's training in an actor, which loads the data once."""
    if not _held:
        torch.set_num_threads(1)
        found = ray.get(reference)
        _held.append((found, tensors_of(found), found.make_module()))
    phase, rows, module = _held[0]
    place = int(context.node_config["partition-id"])
    module.load_state_dict(message.content["arrays"].to_torch_state_dict())
    start = torch.cat([each.detach().reshape(-1) for each in module.parameters()])
    turn = int(message.content["config"]["turn"])
    end = plain_turn(phase, place, turn, rows[place], module=module, start=start)
    write_vector(module, end)
    metrics = MetricRecord({"num-examples": len(rows[place][1])})
    content = RecordDict({"arrays": ArrayRecord(module.state_dict()), "metrics": metrics})
    return Message(content, reply_to=message)
