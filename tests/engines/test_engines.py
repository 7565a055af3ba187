"""What every engine promises: the same parameters from the same plan, also after a restart."""

from __future__ import annotations

import importlib.util
import json
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path

import pytest
import torch

from tests.private_plans import BY_PARTICIPANT, BY_RECORD
from tests.private_plans import SMALL as SMALL_PRIVATE
from tithe.build import build
from tithe.engines.in_process import InProcess
from tithe.engines.loop import Training
from tithe.engines.parallel import Parallel
from tithe.ledger_folder import LedgerFolder
from tithe.plan import load_plan
from tithe.privacy.ledger import TallyLedger
from tithe.sharing.codec import decode, encode

SMALL = {
    "name": "small",
    "recipe": "recommended",
    "data": {"train_rows": 200, "test_rows": 50},
    "partition": {"participants": 5},
    "model": {"name": "digits-mlp"},
    "training": {"batch_size": 10, "learning_rate": 0.1},
    "exchange": {"rounds": 3},
    "baselines": {"centralised": False, "standalone": 0},
}
SIMULATION = pytest.param("simulation", marks=pytest.mark.xdist_group("simulation"))  # one Ray
ENGINES = ["in_process", "parallel", SIMULATION]
WAYS = {
    "round_robin": [],
    "random": ["exchange.order=random", "sharing.values=int8"],
    "synchronous": ["exchange.order=synchronous", "server.combine=mean", "exchange.cohort=0.6"],
    "asynchronous": [
        "exchange.order=asynchronous", "exchange.speed_spread=0.7", "sharing.theta_d=0.4",
    ],
    "asynchronous, decayed": [
        "exchange.order=asynchronous", "server.staleness_power=0.5", "server.beta=0.9",
        "server.momentum=0.2", "sharing.selection=random_above_tau", "sharing.tau=0.001",
        "sharing.download_values=float16",
    ],
}  # fmt: skip


def phase_of(way, seed=1):
    return build(load_plan(SMALL, [*WAYS[way], f"seed={seed}"])).phases[0]


def final_state(phase, engine):
    training = Training(phase, engine)
    happenings = list(training.play())
    state = training.server.store.state()
    engine.close()
    return state, happenings


@pytest.fixture(scope="module", params=WAYS)
def way(request):
    return request.param


@pytest.fixture(scope="module")
def reference(way):
    phase = phase_of(way)
    return phase, *final_state(phase, InProcess(phase, TallyLedger()))


@pytest.fixture(scope="module", params=ENGINES)
def make(request):
    """Makes the engine of a name for a phase and a ledger."""
    if request.param == "simulation":
        from tithe.engines.flower.simulation import Simulation

        return partial(Simulation, runtime=request.getfixturevalue("simulation_runtime"))
    return InProcess if request.param == "in_process" else partial(Parallel, num_processes=2)


class TestEveryEngine:
    def test_it_reaches_the_same_parameters_and_tells_every_turn_with_its_cost(
        self, make, reference
    ):
        phase, expected, happenings = reference
        state, told = final_state(phase, make(phase, TallyLedger()))
        for name, tensor in expected.items():
            assert torch.equal(state[name], tensor), name
        assert [h.move for h in told] == [h.move for h in happenings]
        for mine, theirs in zip(told, happenings, strict=True):
            if mine.turn is not None:
                assert mine.turn.payload == theirs.turn.payload
                assert mine.bytes_down == theirs.bytes_down > 0
                assert mine.staleness == theirs.staleness
                assert mine.turn.epsilon == float("inf")

    def test_restarts_reach_the_same(self, make, reference):
        phase, expected, _ = reference
        training = Training(phase, make(phase, TallyLedger()))
        for num_moves in (1, 3, 5):
            list(islice(training.play(), num_moves))
            tensors, plain = training.state()
            tensors = {name: tensor.clone() for name, tensor in tensors.items()}
            plain = json.loads(json.dumps(plain))  # as it is kept on disk
            training.engine.close()
            training = Training(phase, make(phase, TallyLedger()))
            training.restore(tensors, plain)
        list(training.play())
        training.engine.close()
        for name, tensor in expected.items():
            assert torch.equal(training.server.store.state()[name], tensor), name


def test_the_example_reaches_the_same_parameters_as_the_engine():
    path = Path(__file__).parents[2] / "examples" / "selective_sgd.py"
    spec = importlib.util.spec_from_file_location("selective_sgd_example", path)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    plan = load_plan(
        {
            "name": "example",
            "recipe": "recommended",
            "seed": example.SEED,
            "partition": {"participants": example.NUM_PARTICIPANTS, "rows_each": example.ROWS_EACH},
            "model": {"name": "digits-mlp"},
            "training": {"learning_rate": example.ALPHA, "batch_size": example.BATCH_SIZE},
            "sharing": {"theta_u": example.THETA_U, "gamma": example.GAMMA, "residual": False},
            "exchange": {"rounds": example.ROUNDS},
        }
    )
    phase = build(plan).phases[0]
    state, _ = final_state(phase, InProcess(phase, TallyLedger()))
    vector, accuracy = example.train()
    assert torch.equal(state["vector"], vector)
    assert accuracy > 0.85


def test_theta_one_and_one_participant_is_plain_sgd():
    plan = load_plan(
        SMALL, ["partition.participants=1", "sharing.theta_u=1.0", "sharing.residual=false"]
    )
    phase = build(plan).phases[0]
    state, _ = final_state(phase, InProcess(phase, TallyLedger()))
    alone = build(load_plan(SMALL, ["partition.participants=1", "baselines.centralised=true"]))
    pooled, _ = final_state(alone.phases[1], InProcess(alone.phases[1], TallyLedger()))
    # Adding the change to where it began rounds once more than training on; nothing else differs.
    assert torch.allclose(state["vector"], pooled["vector"], atol=1e-6)


def test_another_seed_reaches_other_parameters():
    one, other = phase_of("round_robin"), phase_of("round_robin", seed=2)
    a, _ = final_state(one, InProcess(one, TallyLedger()))
    b, _ = final_state(other, InProcess(other, TallyLedger()))
    assert not torch.equal(a["vector"], b["vector"])


@pytest.mark.parametrize("way", ["round_robin", "synchronous"])
def test_a_broken_loss_stops_one_participant_and_the_others_go_on(make, way):
    broken = {**SMALL, "participant": [{"ids": [2], "training": {"learning_rate": 1e30}}]}
    ways = [*WAYS[way], "exchange.cohort=1.0"] if way == "synchronous" else WAYS[way]
    phase = build(load_plan(broken, ways)).phases[0]
    training = Training(phase, make(phase, TallyLedger()))
    told = [h for h in training.play() if h.turn is not None]
    training.engine.close()
    statuses = {(h.move.participant, h.turn.status) for h in told}
    assert statuses == {(0, "shared"), (1, "shared"), (2, "stopped"), (3, "shared"), (4, "shared")}
    stopped = [h for h in told if h.turn.status == "stopped"]
    assert all(h.turn.payload == b"" and "NaN or infinite" in h.turn.reason for h in stopped)
    assert bool(torch.isfinite(training.server.store.vector).all())


def test_what_the_ledger_refuses_does_not_leave():
    class Refused(Exception):
        pass

    class FullLedger:
        def charge(self, *, participant, turn, events):
            assert events  # it is asked with the price, before anything is handed out
            raise Refused

    phase = phase_of("round_robin")
    training = Training(phase, InProcess(phase, FullLedger()))
    with pytest.raises(Refused):
        list(training.play())
    assert training.server.store.version == 0
    assert torch.equal(training.server.store.vector, phase.initial)


def test_a_random_mask_is_the_same_for_all_and_new_every_round():
    phase = build(load_plan(SMALL, ["sharing.selection=random_mask"])).phases[0]
    training = Training(phase, InProcess(phase, TallyLedger()))
    size = phase.initial.numel()
    masks = {}
    for happening in training.play():
        if happening.turn is not None:
            indices = decode(happening.turn.payload, size=size).indices.tolist()
            masks.setdefault(happening.move.round, set()).add(tuple(indices))
    assert [len(each) for each in masks.values()] == [1, 1, 1]
    assert len(set.union(*masks.values())) == 3


def test_participants_that_keep_nothing_take_no_memory():
    plan = load_plan(SMALL, ["sharing.residual=false", "exchange.rounds=1"])
    phase = build(plan).phases[0]
    training = Training(phase, InProcess(phase, TallyLedger()))
    list(training.play())
    tensors, _ = training.engine.state()
    assert tensors == {}


@pytest.mark.parametrize(("settle", "num_vectors"), [("true", 2), ("false", 1)])
def test_a_residual_takes_one_vector_and_settling_it_another(settle, num_vectors):
    plan = load_plan(SMALL, [f"sharing.residual_settle={settle}", "exchange.rounds=1"])
    phase = build(plan).phases[0]
    training = Training(phase, InProcess(phase, TallyLedger()))
    list(training.play())
    tensors, _ = training.engine.state()
    assert sum(t.numel() for t in tensors.values()) == num_vectors * 5 * phase.initial.numel()


@pytest.mark.parametrize("theta_d", [1.0, 0.5])
def test_nobody_else_settles_nothing(make, theta_d):
    # What a participant did itself must not count as done by others, whatever it downloads.
    ways = ["partition.participants=1", f"sharing.theta_d={theta_d}", "exchange.rounds=4"]
    kept = []
    for settle in ("true", "false"):
        plan = load_plan(SMALL, [*ways, f"sharing.residual_settle={settle}"])
        phase = build(plan).phases[0]
        training = Training(phase, make(phase, TallyLedger()))
        list(training.play())
        tensors, _ = training.engine.state()
        kept.append(tensors["residual_of_0"].clone())
        training.engine.close()
    assert torch.allclose(*kept, atol=1e-6)
    assert kept[0].abs().max() > 1e-3


LAPLACE = BY_PARTICIPANT["mask, laplace"]
ASYNCHRONOUS = ["exchange.order=asynchronous", "exchange.speed_spread=0.7"]
# A budget that is gone before the end: what is refused must end alike everywhere.
OVERSPENT = [
    "exchange.rounds=4", "privacy.noise_multiplier=0.6", "privacy.epsilon=4.0", "privacy.delta=0.0",
]  # fmt: skip
PRIVATE = {
    "record": BY_RECORD["record"],
    "record, part download": [*BY_RECORD["record, part download"], *ASYNCHRONOUS],
    "gumbel": BY_PARTICIPANT["gumbel, gaussian"],
    "sparse vector": [*BY_PARTICIPANT["sparse vector"], *ASYNCHRONOUS],
    "overspent": [*LAPLACE, *OVERSPENT],
    "overspent, part download": [*LAPLACE, *OVERSPENT, *ASYNCHRONOUS, "sharing.theta_d=0.5"],
}


@pytest.mark.parametrize("changes", PRIVATE.values(), ids=PRIVATE)
def test_engines_reach_the_same_private_parameters_and_charge_the_same_ledgers(
    changes, make, tmp_path
):
    phase = build(load_plan(SMALL_PRIVATE, ["exchange.order=synchronous", *changes])).phases[0]
    came = {}
    for engine, maker in (("in_process", InProcess), ("other", make)):
        with closing(
            LedgerFolder(tmp_path / engine, phase.participants, run="run", is_simulated=True)
        ) as ledgers:
            state, happenings = final_state(phase, maker(phase, ledgers))
            turns = [
                (h.move, h.turn.status, h.turn.reason, h.turn.epsilon, h.turn.payload)
                for h in happenings
                if h.turn is not None
            ]
            charged = [ledgers.events_of(each.number) for each in phase.participants]
        came[engine] = state, turns, charged
    (state, turns, charged), others = came["in_process"], came["other"]
    assert turns == others[1]
    assert charged == others[2]
    for name, tensor in state.items():
        assert torch.equal(tensor, others[0][name]), name
    statuses = {turn[1] for turn in turns}
    is_overspent = OVERSPENT[1] in changes
    assert statuses == ({"shared", "refused"} if is_overspent else {"shared"})
    num_shared = sum(turn[1] == "shared" for turn in turns)
    each = len(phase.participants[0].cost)
    assert sum(len(events) for events in charged) == num_shared * each


def test_who_has_spent_everything_stops_and_the_others_go_on(tmp_path):
    plan = load_plan(
        {**SMALL_PRIVATE, "participant": [{"ids": [1], "sharing": {"theta_u": 0.1}}]},
        [*LAPLACE, "privacy.noise_multiplier=0.6", "privacy.epsilon=20.0", "privacy.delta=0.0"],
    )
    # Ten times the values at noise for ten times the values cost the same: so nobody stops ...
    phase = build(plan).phases[0]
    assert [each.cost[0].count for each in phase.participants] == [65, 657, 65]
    ledgers = LedgerFolder(tmp_path, phase.participants, run="run", is_simulated=True)
    with closing(ledgers):  # ... until one of them has spent its budget elsewhere.
        second = phase.participants[1]
        for turn in range(11):
            ledgers.charge(participant=1, turn=100 + turn, events=list(second.cost))
        before = phase.initial.clone()
        state, happenings = final_state(phase, InProcess(phase, ledgers))
    turns = [(h.move.participant, h.turn) for h in happenings if h.turn is not None]
    told = [(place, turn.status) for place, turn in turns]
    assert [place for place, _ in told] == [0, 1, 2, 0, 1, 2]
    assert [status for _, status in told] == ["shared"] * 4 + ["refused", "shared"]
    (stopped,) = [turn for _, turn in turns if turn.status == "refused"]
    assert stopped.payload == b""
    assert stopped.reason.startswith("participant 1 has spent epsilon 20 of 20")
    assert stopped.reason.endswith("nothing was sent")
    assert int(state["counts"].sum()) == 4 * 65 + 657
    assert not torch.equal(state["vector"], before)


def test_an_engine_that_knows_no_ledger_refuses_private_turns(make):
    # A tally cannot count noise, and what cannot be charged does not leave.
    phase = build(load_plan(SMALL_PRIVATE, [*LAPLACE, "exchange.order=synchronous"])).phases[0]
    training = Training(phase, make(phase, TallyLedger()))
    with pytest.raises(TypeError, match="a tally counts plain releases only"):
        list(training.play())
    training.engine.close()
    assert training.server.store.version == 0


def test_a_payload_holds_indices_and_values_and_nothing_else(tmp_path):
    phase = build(load_plan(SMALL_PRIVATE, BY_RECORD["record"])).phases[0]
    with closing(
        LedgerFolder(tmp_path, phase.participants, run="run", is_simulated=True)
    ) as ledgers:
        _, happenings = final_state(phase, InProcess(phase, ledgers))
    for happening in happenings:
        if happening.turn is not None:
            payload = happening.turn.payload
            update = decode(payload, size=phase.initial.numel())
            # Reading and writing it again leaves no byte over: nothing else is in there.
            assert encode(update, values="float32", rng=None) == payload
