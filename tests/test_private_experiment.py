"""A whole private experiment: what it promises, charges, resumes and refuses."""

from __future__ import annotations

import functools
import json
import math
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from tests import killed_run
from tests.private_plans import AS_PRINTED, BY_PARTICIPANT, CALIBRATED, RECORD, SMALL
from tithe import experiment, ledger_folder
from tithe.build import build
from tithe.checks import BadInput
from tithe.experiment import Interrupted, run_experiment
from tithe.ledger_folder import KIND, LedgerFolder, path_of
from tithe.plan import load_plan
from tithe.record import read_run
from tithe.storage import load_tensors
from tithe.storage.journal import Journal

TIMES = {"train_seconds", "engine_seconds", "seconds"}
LAPLACE = BY_PARTICIPANT["mask, laplace"]  # quick to calibrate, and to count


def lines_of(directory):
    """The record turn by turn and measurement by measurement, without wall times."""
    record = read_run(directory)
    return [
        {key: value for key, value in asdict(line).items() if key not in TIMES}
        for line in (*record.turns, *record.evaluations)
    ]


def rows_of(plan, directory):
    """What is in the participants' ledgers, without the name of the run."""
    rows = []
    for each in build(plan).phases[0].participants:
        fingerprint = each.shard.fingerprint()
        path = path_of(directory / "ledgers", each.number)
        with Journal.open(path, kind=KIND, fingerprint=fingerprint) as journal:
            rows.append([{**row, "run": ""} for row in journal.rows()])
    return rows


def parameters_of(directory):
    tensors, _ = load_tensors(directory / "model.safetensors")
    return torch.cat([tensor.flatten() for _, tensor in sorted(tensors.items())])


@pytest.mark.parametrize("changes", CALIBRATED.values(), ids=CALIBRATED)
def test_every_way_costs_what_the_plan_says_and_says_that_it_is_a_simulation(changes, tmp_path):
    plan = load_plan(SMALL, changes)
    summary = run_experiment(plan, tmp_path / "run")
    record = read_run(tmp_path / "run")
    assert summary.num_shared == len(record.turns) == 6
    first, second = record.turns[:3], record.turns[3:]
    assert all(0 < line.epsilon < 8 for line in first)
    assert all(7.9 < line.epsilon <= 8 for line in second)
    assert all(line.entries <= 65 for line in record.turns)
    privacy = record.summary["privacy"]
    assert privacy["unit"] == plan.privacy.unit and privacy["delta"] == plan.privacy.delta
    assert privacy["epsilon"]["pld"] <= privacy["epsilon"]["rdp"] + 1e-9 <= 8.0001
    assert record.about["guarantee"].startswith("none in this run: its noise comes from its seed")
    assert f"(epsilon 8, delta {plan.privacy.delta:g})" in record.about["guarantee"]
    assert (tmp_path / "run" / "page.html").exists()


def test_secure_noise_makes_the_promise_true(tmp_path):
    plan = load_plan(SMALL, [*RECORD, "privacy.noise=secure"])
    for name in ("one", "other"):
        run_experiment(plan, tmp_path / name)
    assert not torch.equal(*(parameters_of(tmp_path / name) for name in ("one", "other")))
    guarantee = read_run(tmp_path / "one").about["guarantee"]
    assert guarantee.startswith("(epsilon 8, delta 1e-05)-differential privacy for each record")


def test_simulated_noise_repeats(tmp_path):
    for name in ("one", "other"):
        run_experiment(load_plan(SMALL, RECORD), tmp_path / name)
    assert torch.equal(*(parameters_of(tmp_path / name) for name in ("one", "other")))


def test_as_printed_costs_infinity_and_promises_nothing(tmp_path):
    run_experiment(load_plan(SMALL, AS_PRINTED), tmp_path / "run")
    record = read_run(tmp_path / "run")
    assert all(line.epsilon == math.inf and line.status == "shared" for line in record.turns)
    assert record.about["guarantee"].startswith("none: the paper's mechanism as printed")
    assert float(record.summary["privacy"]["epsilon"]["pld"]) == math.inf


def test_a_plain_run_says_nothing_of_a_budget(tmp_path):
    run_experiment(load_plan(SMALL), tmp_path / "run")
    record = read_run(tmp_path / "run")
    assert "privacy" not in record.summary
    assert record.about["guarantee"].startswith("none: plain selective sharing")
    assert not (tmp_path / "run" / "ledgers").exists()


def test_a_budget_that_runs_out_stops_turns_and_not_the_run(tmp_path):
    changes = ["privacy.noise_multiplier=1.2", "privacy.epsilon=3.0", "privacy.delta=0.0"]
    plan = load_plan(SMALL, [*LAPLACE, *changes, "exchange.rounds=5"])
    run_experiment(plan, tmp_path / "run")
    for who in range(3):  # a turn costs 1 / 1.2 of plain epsilon, so three fit into 3
        lines = [each for each in read_run(tmp_path / "run").turns if each.participant == who]
        assert [each.status for each in lines] == ["shared"] * 3 + ["refused"] * 2
        assert [each.epsilon for each in lines] == pytest.approx([1 / 1.2, 2 / 1.2, 2.5, 2.5, 2.5])
        assert {each.bytes_up for each in lines[3:]} == {0}
        assert lines[3].reason == (
            f"participant {who} has spent epsilon 2.5 of 3 and this upload costs 0.833333; "
            "nothing was sent"
        )


def test_a_run_in_which_the_budget_buys_nothing_shares_nothing(tmp_path):
    changes = ["privacy.noise_multiplier=0.1", "privacy.epsilon=1.0"]
    summary = run_experiment(load_plan(SMALL, [*LAPLACE, *changes]), tmp_path / "run")
    assert summary.num_shared == 0
    assert read_run(tmp_path / "run").summary["privacy"]["epsilon"]["pld"] == 0.0


def test_what_a_broken_turn_was_charged_stands_in_the_record(tmp_path):
    broken = {"ids": [1], "training": {"learning_rate": 1e38, "weight_decay": 1e5}}
    plan = load_plan({**SMALL, "participant": [broken]}, RECORD)
    run_experiment(plan, tmp_path / "run")
    lines = [each for each in read_run(tmp_path / "run").turns if each.participant == 1]
    assert [each.status for each in lines] == ["stopped", "stopped"]
    assert 0 < lines[0].epsilon < lines[1].epsilon <= 8
    assert [len(rows) for rows in rows_of(plan, tmp_path / "run")] == [2, 2, 2]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    directory = tmp_path_factory.mktemp("runs") / "whole"
    run_experiment(load_plan(SMALL, RECORD), directory)
    return directory


@pytest.mark.parametrize("stop_after", [1, 2, 5, 7])
def test_an_interrupted_run_resumes_to_the_same_record_and_ledgers(whole, tmp_path, stop_after):
    plan, directory, asked = load_plan(SMALL, RECORD), tmp_path / "run", []

    def should_stop():
        asked.append(1)
        return len(asked) == stop_after

    with pytest.raises(Interrupted):
        run_experiment(plan, directory, should_stop=should_stop)
    run_experiment(plan, directory, resume=True)
    assert lines_of(directory) == lines_of(whole)
    assert rows_of(plan, directory) == rows_of(plan, whole)
    assert torch.equal(parameters_of(directory), parameters_of(whole))


class Killed(BaseException):
    pass


def run_then_die(plan, directory, *, after_turns):
    """Runs as far as so many turns and dies without another checkpoint."""

    def watch(progress):
        if progress.turn == after_turns:
            raise Killed

    with pytest.raises(Killed):
        run_experiment(plan, directory, watch=watch)


def test_turns_after_the_last_checkpoint_are_not_charged_twice_in_a_simulation(whole, tmp_path):
    plan = load_plan(SMALL, RECORD)
    run_then_die(plan, tmp_path / "run", after_turns=4)
    assert [len(rows) for rows in rows_of(plan, tmp_path / "run")] == [2, 1, 1]
    run_experiment(plan, tmp_path / "run", resume=True)
    assert rows_of(plan, tmp_path / "run") == rows_of(plan, whole)
    assert lines_of(tmp_path / "run") == lines_of(whole)


def test_turns_after_the_last_checkpoint_are_charged_again_with_secure_noise(tmp_path):
    plan = load_plan(SMALL, [*LAPLACE, "privacy.noise=secure"])
    directory = tmp_path / "run"
    run_then_die(plan, directory, after_turns=4)
    run_experiment(plan, directory, resume=True)
    # Two turns were planned for each. Participant 0 took them before the kill, and can repeat none;
    # the others took one, and have one left.
    turns = [[row["turn"] for row in rows] for rows in rows_of(plan, directory)]
    assert turns == [[0, 1], [0, 0], [0, 0]]
    told = [(line.participant, line.status) for line in read_run(directory).turns]
    assert told == [
        (0, "refused"), (1, "shared"), (2, "shared"),
        (0, "refused"), (1, "refused"), (2, "refused"),
    ]  # fmt: skip
    assert max(line.epsilon for line in read_run(directory).turns) <= 8


def test_a_run_under_way_is_left_alone_by_another(tmp_path):
    plan, refused = load_plan(SMALL, LAPLACE), []

    def watch(progress):
        with pytest.raises(BadInput) as caught:
            run_experiment(plan, tmp_path / "run", resume=True)
        refused.append(str(caught.value))

    run_experiment(plan, tmp_path / "run", watch=watch)
    assert len(refused) == 8
    assert all("run.lock is held by process" in each for each in refused[:-1])
    assert read_run(tmp_path / "run").is_complete
    assert not (tmp_path / "run" / "run.lock").exists()


def test_a_run_that_ended_while_another_was_about_to_resume_it_stays(tmp_path, monkeypatch):
    plan, directory = load_plan(SMALL, LAPLACE), tmp_path / "run"
    with pytest.raises(Interrupted):
        run_experiment(plan, directory, should_stop=lambda: True)
    real = experiment.build

    def build_slowly(plan, **how):
        with monkeypatch.context() as patch:
            patch.setattr(experiment, "build", real)
            run_experiment(plan, directory, resume=True)
        return real(plan, **how)

    monkeypatch.setattr(experiment, "build", build_slowly)
    with pytest.raises(BadInput, match="complete; there is nothing to resume"):
        run_experiment(plan, directory, resume=True)
    assert read_run(directory).is_complete
    assert len(read_run(directory).turns) == 6


def test_two_runs_at_once_on_the_same_ledgers_are_refused_in_one_sentence(tmp_path, monkeypatch):
    impatient = functools.partial(LedgerFolder, wait_seconds=0.0)
    monkeypatch.setattr(ledger_folder, "LedgerFolder", impatient)
    plan = load_plan(SMALL, [*LAPLACE, f"run.ledgers={tmp_path / 'mine'}"])
    refused = []

    def watch(progress):
        if progress.turn == 1 and not refused:
            with pytest.raises(BadInput, match=r"participant-0000.* is held by process \d+"):
                run_experiment(plan, tmp_path / "other")
            refused.append(1)

    run_experiment(plan, tmp_path / "run", watch=watch)
    assert refused and read_run(tmp_path / "run").is_complete


def test_runs_with_the_same_ledgers_add_up_until_the_budget_is_gone(tmp_path):
    shared = [*LAPLACE, f"run.ledgers={tmp_path / 'mine'}", "privacy.noise_multiplier=2.0"]
    plan = load_plan(SMALL, [*shared, "privacy.delta=0.0", "privacy.epsilon=1.5"])
    for name in ("one", "other"):  # a turn costs 1/2, so three of the four turns fit
        run_experiment(plan, tmp_path / name)
    one, other = (read_run(tmp_path / name) for name in ("one", "other"))
    assert [line.epsilon for line in one.turns] == pytest.approx([0.5] * 3 + [1.0] * 3)
    assert [line.status for line in other.turns] == ["shared"] * 3 + ["refused"] * 3
    assert [line.epsilon for line in other.turns] == pytest.approx([1.5] * 6)
    assert other.summary["privacy"]["epsilon"]["pure"] == pytest.approx(1.5)
    assert not (tmp_path / "one" / "ledgers").exists()


def test_ledgers_of_other_data_are_refused_in_one_sentence(tmp_path):
    shared = [*LAPLACE, f"run.ledgers={tmp_path / 'mine'}"]
    run_experiment(load_plan(SMALL, shared), tmp_path / "one")
    with pytest.raises(BadInput, match=r"participant-0000\.sqlite .*data"):
        run_experiment(load_plan(SMALL, [*shared, "seed=2"]), tmp_path / "other")


def test_the_parallel_engine_leaves_the_same_record_and_ledgers(tmp_path):
    for engine in ("in_process", "parallel"):
        ways = ["exchange.order=synchronous", f"run.engine={engine}", "run.processes=2"]
        run_experiment(load_plan(SMALL, [*RECORD, *ways]), tmp_path / engine)
    plan = load_plan(SMALL, RECORD)
    one, other = (tmp_path / engine for engine in ("in_process", "parallel"))
    assert lines_of(one) == lines_of(other)
    assert rows_of(plan, one) == rows_of(plan, other)


def run_and_kill(place, *, num_kills, seed, noise):
    told = subprocess.run(
        [sys.executable, "-m", killed_run.__name__, place, str(num_kills), str(seed), noise],
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
        cwd=Path(__file__).parents[1],
    )
    return json.loads(told.stdout)


def test_a_simulated_run_that_is_killed_charged_all_that_left_and_ends_the_same(tmp_path):
    told = run_and_kill(tmp_path, num_kills=10, seed=20151012, noise="simulated")
    assert len(told["after_kills"]) == 10
    for counts in told["after_kills"]:
        for num_shared, num_charged in counts:
            assert num_shared <= num_charged <= killed_run.NUM_ROUNDS
    assert any(sum(shared for shared, _ in counts) for counts in told["after_kills"])
    assert told["status"] == 0
    assert told["in_the_end"] == [[killed_run.NUM_ROUNDS] * 2] * 3  # nothing was charged twice
    folder, plan = Path(told["folder"]), killed_run.plan_of("simulated")
    assert lines_of(folder) == lines_of(tmp_path / "whole")
    assert rows_of(plan, folder) == rows_of(plan, tmp_path / "whole")
    assert torch.equal(parameters_of(folder), parameters_of(tmp_path / "whole"))


def test_a_secure_run_that_is_killed_charged_all_that_left_and_never_passes_its_budget(tmp_path):
    told = run_and_kill(tmp_path, num_kills=5, seed=20151012, noise="secure")
    for counts in told["after_kills"]:
        for num_shared, num_charged in counts:
            assert num_shared <= num_charged <= killed_run.NUM_ROUNDS  # that is the whole budget
    assert told["status"] == 0
    record = read_run(Path(told["folder"]))
    assert record.is_complete
    assert len(record.turns) == 3 * killed_run.NUM_ROUNDS
    assert max(line.epsilon for line in record.turns) <= 8.0001


def test_a_delta_of_more_than_one_in_the_rows_is_told_with_the_promise(tmp_path):
    plan = load_plan(SMALL, [*RECORD, "privacy.delta=0.1", "exchange.rounds=1"])
    run_experiment(plan, tmp_path / "run")
    promise = read_run(tmp_path / "run").about["guarantee"]
    assert "But privacy.delta = 0.1 is above one in the 40 rows of a participant" in promise
