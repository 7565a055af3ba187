"""Flower's simulation as an engine: charged here, closed to strangers, silent, and plain spoken."""

from __future__ import annotations

import os
import sys
import urllib.request
from dataclasses import replace
from functools import partial

import grpc
import pytest
import torch

from tests.engines.test_engines import SMALL, final_state, phase_of
from tithe.checks import BadInput
from tithe.engines.in_process import InProcess
from tithe.engines.loop import Training
from tithe.experiment import run_experiment
from tithe.parties.participant import ParticipantState
from tithe.plan import load_plan
from tithe.privacy.ledger import BudgetExhausted, TallyLedger
from tithe.record import read_run

pytestmark = pytest.mark.xdist_group("simulation")  # one Ray


@pytest.fixture
def simulated(simulation_runtime):
    from tithe.engines.flower.simulation import Simulation

    return partial(Simulation, runtime=simulation_runtime)


class ShortLedger:
    """Allows everybody two turns, and remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def charge(self, *, participant, turn, events):
        self.asked.append((participant, turn, events))
        if turn >= 2:
            raise BudgetExhausted(participant, spent=1.0, budget=1.0, cost=0.5)
        return 0.5 * (turn + 1)


@pytest.mark.parametrize("way", ["round_robin", "asynchronous"])
def test_the_ledger_here_is_asked_before_a_payload_is_handed_out(simulated, way):
    phase = phase_of(way)
    came = []
    for make in (InProcess, simulated):
        ledger = ShortLedger()
        state, happenings = final_state(phase, make(phase, ledger))
        turns = [
            (h.move, h.turn.status, h.turn.reason, h.turn.epsilon, h.turn.payload)
            for h in happenings
            if h.turn is not None
        ]
        came.append((state, turns, sorted(ledger.asked, key=lambda asked: asked[:2])))
    (state, turns, asked), (simulated_state, simulated_turns, simulated_asked) = came
    assert simulated_turns == turns
    assert simulated_asked == asked
    assert {turn[1] for turn in turns} == {"shared", "refused"}
    for name, tensor in state.items():
        assert torch.equal(simulated_state[name], tensor), name


def test_every_turn_is_noted_with_where_it_began(simulated):
    phase, noted = phase_of("synchronous"), []

    def note(participant, began, turn):
        noted[-1].append((participant.number, turn.number, turn.payload, began.sum().item()))

    for make in (InProcess, simulated):
        noted.append([])
        final_state(phase, make(phase, TallyLedger(), note=note))
    assert sorted(noted[0]) == sorted(noted[1]) != []


def test_a_turn_that_fails_ends_the_training_with_what_the_actor_said(simulated):
    def broken(update, coins):
        raise RuntimeError("this stage is broken")

    phase = phase_of("round_robin")
    second = replace(phase.participants[1], share=broken)
    phase = replace(phase, participants=(phase.participants[0], second, *phase.participants[2:]))
    training = Training(phase, simulated(phase, TallyLedger()))
    with pytest.raises(RuntimeError, match=r"a turn failed in an actor: .*this stage is broken"):
        list(training.play())
    assert training.server.store.version == 1


def fetched(phase, notes):
    with notes.open("a") as file:
        file.write("fetched ")
    return phase


def test_an_actor_fetches_a_training_once_though_its_app_is_pickled_for_every_message(
    simulation_runtime, monkeypatch, tmp_path
):
    from ray import cloudpickle

    from tithe.engines.flower import simulated_turn

    phase = phase_of("synchronous")
    app = simulated_turn.simulated_app({0: partial(fetched, phase, tmp_path / "notes")})
    question = simulated_turn.Question(0, 1, ParticipantState(), phase.initial, None, 0.0)
    message = simulated_turn.question_message(question, node=1)
    monkeypatch.setattr(simulated_turn, "_desk", simulated_turn._Desk())  # this process's own
    for _ in range(2):
        arrived = cloudpickle.loads(cloudpickle.dumps(app))
        arrived(message=message, context=None)
    assert (tmp_path / "notes").read_text() == "fetched "


def test_a_run_leaves_the_same_record_as_in_process(simulated, tmp_path, monkeypatch):
    monkeypatch.setattr("tithe.engines.flower.simulation.Simulation", simulated)
    for engine in ("in_process", "simulation"):
        plan = load_plan(SMALL, [f"run.engine={engine}", "exchange.order=synchronous"])
        run_experiment(plan, tmp_path / engine)
    one, two = (read_run(tmp_path / engine) for engine in ("in_process", "simulation"))
    assert [replace(line, train_seconds=0.0, engine_seconds=0.0) for line in one.turns] == [
        replace(line, train_seconds=0.0, engine_seconds=0.0) for line in two.turns
    ]
    measured = [
        [(line.round, line.accuracy, line.loss) for line in r.evaluations] for r in (one, two)
    ]
    assert measured[0] == measured[1]


def test_strangers_cannot_speak_to_ray(simulation_runtime):
    import ray

    address = ray.get_runtime_context().gcs_address
    with grpc.insecure_channel(address) as channel:
        ask = channel.unary_unary("/ray.rpc.NodeInfoGcsService/GetAllNodeInfo")
        with pytest.raises(grpc.RpcError) as refused:
            ask(b"", timeout=30)
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED


def test_nothing_is_told_to_anybody(simulation_runtime, monkeypatch):
    from flwr.supercore.telemetry import EventType, create_event

    def call(*_, **__):
        raise AssertionError("somebody was called")

    monkeypatch.setattr(urllib.request, "urlopen", call)
    create_event(EventType.PYTHON_API_RUN_SIMULATION_LEAVE, None)
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


def test_a_ray_that_runs_already_is_not_taken_over(simulation_runtime):
    from tithe.engines.flower.simulation_runtime import FlowerSimulation

    with pytest.raises(BadInput, match="Ray runs in this process already"):
        FlowerSimulation(num_nodes=1, num_processes=1, store_bytes=0)
    assert len(list(simulation_runtime._grid.get_node_ids())) == 5


def test_a_device_is_refused_in_a_sentence(simulated):
    phase = phase_of("round_robin")
    onto = replace(phase, participants=(replace(phase.participants[0], device="cuda"),))
    with pytest.raises(BadInput, match='"simulation" trains on the CPU'):
        simulated(onto, TallyLedger())


@pytest.mark.parametrize("missing", ["flwr", "ray"])
def test_without_the_extra_a_sentence_says_what_brings_it(tmp_path, monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    plan = load_plan(SMALL, ["run.engine=simulation"])
    with pytest.raises(BadInput, match=r"pip install 'tithe\[simulation\]'"):
        run_experiment(plan, tmp_path / "run")
    assert not (tmp_path / "run").exists()
