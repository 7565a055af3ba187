"""A whole experiment: what it leaves, how it resumes, what it refuses."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch

from tithe import run_checkpoint
from tithe.checks import BadInput
from tithe.experiment import Interrupted, predict, run_experiment
from tithe.plan import load_plan
from tithe.record import read_run
from tithe.storage import load_tensors

SMALL = {
    "name": "small",
    "data": {"train_rows": 200, "test_rows": 60},
    "partition": {"participants": 4},
    "model": {"name": "digits-mlp"},
    "training": {"batch_size": 10, "learning_rate": 0.1},
    "exchange": {"rounds": 3},
    "baselines": {"standalone": 2},
}
TIMES = {"train_seconds", "engine_seconds", "seconds"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    directory = tmp_path_factory.mktemp("runs") / "small"
    heard = []
    summary = run_experiment(load_plan(SMALL), directory, command="a test", watch=heard.append)
    return summary, heard


def without_times(lines):
    return [{k: v for k, v in vars_of(line).items() if k not in TIMES} for line in lines]


def vars_of(line):
    return {name: getattr(line, name) for name in line.__dataclass_fields__}


def test_it_leaves_all_that_was_promised(finished):
    summary, _ = finished
    names = {path.name for path in summary.directory.iterdir()}
    assert names == {
        "plan.toml", "about.json", "turns.jsonl", "evaluations.jsonl", "summary.json",
        "model.safetensors", "model.json", "counters.safetensors", "page.html",
    }  # fmt: skip
    record = read_run(summary.directory)
    assert record.is_complete
    assert load_plan(record.plan_toml) == load_plan(SMALL)
    assert record.about["num_parameters"] == 6570
    assert record.about["guarantee"].startswith("none")
    assert record.about["versions"]["torch"] == torch.__version__


def test_every_phase_is_measured_between_floor_and_ceiling(finished):
    summary, _ = finished
    record = read_run(summary.directory)
    rounds = {}
    for line in record.evaluations:
        rounds.setdefault(line.phase, []).append(line.round)
    assert rounds == {
        name: [0, 1, 2, 3] for name in ("joint", "centralised", "standalone-0", "standalone-1")
    }
    assert set(summary.accuracies) == {*rounds, "standalone"}
    alone = [summary.accuracies["standalone-0"], summary.accuracies["standalone-1"]]
    assert summary.accuracies["standalone"] == pytest.approx(sum(alone) / 2)
    first = {line.accuracy for line in record.evaluations if line.round == 0}
    assert len(first) == 1  # all begin with the same network


def test_every_turn_is_one_line_with_bytes_that_add_up(finished):
    summary, _ = finished
    turns = [line for line in read_run(summary.directory).turns if line.phase == "joint"]
    assert [line.participant for line in turns] == [0, 1, 2, 3] * 3
    assert [line.turn for line in turns] == list(range(12))
    assert all(line.entries == 657 and line.size == 6570 for line in turns)
    assert sum(line.bytes_up for line in turns) == summary.bytes_up
    assert sum(line.bytes_down for line in turns) == summary.bytes_down
    assert summary.bytes_down < 12 * 4 * 6570  # what did not change is not sent again
    assert all(line.epsilon == float("inf") for line in turns)


def test_the_counters_add_up_to_what_was_shared(finished):
    summary, _ = finished
    counts, _ = load_tensors(summary.directory / "counters.safetensors")
    assert int(counts["counts"].sum()) == 12 * 657


def test_progress_is_told_and_ends_with_nothing_left(finished):
    _, heard = finished
    assert [p.phase for p in heard if p.turn == 1 and p.round == 0] == [
        "joint", "centralised", "standalone-0", "standalone-1",
    ]  # fmt: skip
    assert heard[-1].seconds_left == pytest.approx(0, abs=1e-6)
    assert heard[-1].phases_done == 3 and heard[-1].num_phases == 4


def test_the_verdict_is_one_sentence_with_all_three_figures(finished):
    summary, _ = finished
    assert summary.verdict.startswith("4 participants sharing 10 % of their changes reached")
    assert summary.verdict.endswith(".") and summary.verdict.count(". ") == 0
    assert "all data in one place" in summary.verdict


@pytest.mark.parametrize("stop_after", [1, 7, 13, 17, 22])
def test_an_interrupted_run_resumes_to_the_same_result(finished, tmp_path, stop_after):
    directory, asked = tmp_path / "run", []

    def should_stop():
        asked.append(1)
        return len(asked) == stop_after

    plan = load_plan(SMALL)
    with pytest.raises(Interrupted, match="can be resumed"):
        run_experiment(plan, directory, should_stop=should_stop)
    assert not read_run(directory).is_complete
    run_experiment(plan, directory, resume=True)
    assert_same_result(directory, finished[0].directory)


def test_a_killed_run_resumes_from_its_last_checkpoint(finished, tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    saved, directory = [], tmp_path / "run"

    def save_then_die(path, tensors, plain):
        if len(saved) == 3:
            raise Killed
        saved.append(path)
        real(path, tensors, plain)

    real = run_checkpoint.save_tensors
    plan = load_plan(SMALL, ["run.checkpoint_seconds=0.000001"])
    with monkeypatch.context() as patch:
        patch.setattr(run_checkpoint, "save_tensors", save_then_die)
        with pytest.raises(Killed):
            run_experiment(plan, directory)
    # Lines after the checkpoint are there, half of one too; the resumed run drops them.
    with (directory / "turns.jsonl").open("a") as file:
        file.write('{"phase": "jo')
    (directory / "checkpoint" / ".state.safetensors.7.part").write_bytes(b"half of another one")
    run_experiment(plan, directory, resume=True)
    assert_same_result(directory, finished[0].directory)


def test_a_run_killed_before_its_first_checkpoint_starts_over(finished, tmp_path):
    directory = tmp_path / "run"
    with pytest.raises(Interrupted):
        run_experiment(load_plan(SMALL), directory, should_stop=lambda: True)
    shutil.rmtree(directory / "checkpoint")
    run_experiment(load_plan(SMALL), directory, resume=True)
    assert_same_result(directory, finished[0].directory)


def assert_same_result(directory, other):
    one, two = read_run(directory), read_run(other)
    assert without_times(one.turns) == without_times(two.turns)
    assert without_times(one.evaluations) == without_times(two.evaluations)
    for name in ("model.safetensors", "counters.safetensors"):
        mine, _ = load_tensors(directory / name)
        theirs, _ = load_tensors(other / name)
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[key], theirs[key]) for key in mine)
    assert one.summary["verdict"] == two.summary["verdict"]
    assert not (directory / "checkpoint").exists()


def test_the_parallel_engine_leaves_the_same_record(tmp_path):
    ways = ["exchange.order=asynchronous", "exchange.speed_spread=0.5", "baselines.standalone=0"]
    for engine in ("in_process", "parallel"):
        plan = load_plan(SMALL, [*ways, f"run.engine={engine}", "run.processes=2"])
        run_experiment(plan, tmp_path / engine)
    one, two = read_run(tmp_path / "in_process"), read_run(tmp_path / "parallel")
    assert without_times(one.turns) == without_times(two.turns)
    assert any(line.staleness > 0 for line in one.turns)


def test_a_run_in_which_everybody_broke_says_so(tmp_path):
    plan = load_plan(SMALL, ["training.learning_rate=1e30", "baselines.centralised=false"])
    summary = run_experiment(plan, tmp_path / "run")
    assert summary.num_shared == 0
    assert summary.verdict.startswith("No turn of the 4 participants could be shared")
    record = read_run(tmp_path / "run")
    joint = [line for line in record.turns if line.phase == "joint"]
    assert {line.status for line in joint} == {"stopped"}
    assert all(line.bytes_up == 0 and "NaN" in line.reason for line in joint)


def test_one_who_leaves_is_recorded_and_the_rest_go_on(tmp_path):
    plan = load_plan(
        {**SMALL, "participant": [{"ids": [1], "leaves": 1}, {"ids": [2], "joins": 2}]},
        ["baselines.centralised=false", "baselines.standalone=0"],
    )
    run_experiment(plan, tmp_path / "run")
    turns = read_run(tmp_path / "run").turns
    assert [line.participant for line in turns] == [0, 1, 3, 0, 3, 0, 2, 3]


def test_a_directory_with_a_run_is_left_alone(finished):
    summary, _ = finished
    before = (summary.directory / "summary.json").read_bytes()
    with pytest.raises(BadInput, match="already holds a run"):
        run_experiment(load_plan(SMALL), summary.directory)
    with pytest.raises(BadInput, match="nothing to resume"):
        run_experiment(load_plan(SMALL), summary.directory, resume=True)
    assert (summary.directory / "summary.json").read_bytes() == before


def test_another_plan_does_not_resume_a_run(tmp_path):
    with pytest.raises(Interrupted):
        run_experiment(load_plan(SMALL), tmp_path / "run", should_stop=lambda: True)
    with pytest.raises(BadInput, match="begun with another plan"):
        run_experiment(load_plan(SMALL, ["seed=2"]), tmp_path / "run", resume=True)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (["data.train_rows=100000"], "data.train_rows must be at most"),
        (
            ["partition.participants=300", "data.train_rows=0", "partition.rows_each=9"],
            "does not fit the data",
        ),
        (["partition.kind=natural"], "needs data with an owner for each row"),
        (["model.name=mnist-cnn"], r"cannot take \d+ rows of shape"),
        (["model.name=tests.nowhere:net"], "cannot be imported"),
        (["data.set=npz:nowhere.npz"], "nowhere.npz"),
    ],
)
def test_what_cannot_be_built_leaves_nothing_behind(tmp_path, changes, sentence):
    with pytest.raises(BadInput, match=sentence):
        run_experiment(load_plan(SMALL, changes), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def batchnorm_network(num_classes):
    nn = torch.nn
    return nn.Sequential(
        nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8), nn.Linear(8, num_classes)
    )


def test_running_statistics_are_refused_with_a_way_out(tmp_path):
    plan = load_plan(SMALL, [f"model.name={__name__}:batchnorm_network"])
    with pytest.raises(BadInput, match="use GroupNorm"):
        run_experiment(plan, tmp_path / "run")


def test_the_joint_model_predicts_as_it_was_measured(finished):
    summary, _ = finished
    predictions = predict(summary.directory, "digits")
    assert len(predictions.labels) == len(predictions.probabilities) > 100
    assert predictions.accuracy == pytest.approx(summary.accuracies["joint"], abs=0.1)
    assert np.allclose(np.sum(predictions.probabilities, axis=1), 1)
    by_file = predict(summary.directory / "model.safetensors", "digits")
    assert by_file.labels == predictions.labels


def test_it_predicts_rows_of_your_own_in_their_order(finished, tmp_path):
    from tithe.data import load

    images = load("digits").test.features[:7].numpy()
    np.savez(tmp_path / "mine.npz", x=images, y=np.zeros(7, dtype=np.int64))
    mine = predict(finished[0].directory, f"npz:{tmp_path / 'mine.npz'}")
    assert mine.labels == predict(finished[0].directory, "digits").labels[:7]


def test_a_damaged_model_is_one_clear_sentence(finished, tmp_path):
    with pytest.raises(BadInput, match=r"model\.json does not exist"):
        predict(tmp_path, "digits")
    for name in ("model.safetensors", "model.json"):
        shutil.copy(finished[0].directory / name, tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"junk")
    with pytest.raises(BadInput, match="damaged"):
        predict(tmp_path, "digits")
    head = json.loads((tmp_path / "model.json").read_text())
    shutil.copy(finished[0].directory / "model.safetensors", tmp_path)
    (tmp_path / "model.json").write_text(json.dumps({**head, "model": "digits-cnn"}))
    with pytest.raises(BadInput, match="does not hold the parameters"):
        predict(tmp_path, "digits")


def batchnorm_without_statistics(num_classes):
    nn = torch.nn
    norm = nn.BatchNorm1d(8, track_running_stats=False)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), norm, nn.Linear(8, num_classes))


def test_a_batch_too_small_for_the_network_is_found_before_anything_is_written(tmp_path):
    name = f"model.name={__name__}:batchnorm_without_statistics"
    run_experiment(load_plan(SMALL, [name, "exchange.rounds=1"]), tmp_path / "fits")
    plan = load_plan(SMALL, [name, "training.batch_size=7"])  # 50 = 7 * 7 + 1
    with pytest.raises(BadInput, match="cannot take 1 rows"):
        run_experiment(plan, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def tied_and_frozen_network(num_classes):
    nn = torch.nn
    first, second, last = nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, num_classes)
    second.weight = first.weight
    last.bias.requires_grad_(False)
    return nn.Sequential(nn.Flatten(), first, nn.ReLU(), second, nn.ReLU(), last)


def test_a_network_with_tied_and_frozen_parameters_is_saved_whole(tmp_path):
    plan = load_plan(SMALL, [f"model.name={__name__}:tied_and_frozen_network", "data.test_rows=0"])
    summary = run_experiment(plan, tmp_path / "run")
    predictions = predict(tmp_path / "run", "digits")
    assert predictions.accuracy == pytest.approx(summary.accuracies["joint"])


def network_that_fails(num_classes):
    raise OSError("no weights here")


def test_a_network_that_cannot_be_made_is_one_clear_sentence(tmp_path):
    plan = load_plan(SMALL, [f"model.name={__name__}:network_that_fails"])
    with pytest.raises(BadInput, match="could not be made: no weights here"):
        run_experiment(plan, tmp_path / "run")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_device_that_is_not_there_is_one_clear_sentence(tmp_path):
    with pytest.raises(BadInput, match=r'run\.device "cuda" cannot be used here'):
        run_experiment(load_plan(SMALL, ["run.device=cuda"]), tmp_path / "run")


def test_what_was_spent_stays_spent_in_a_turn_that_stops(tmp_path):
    # After the first round alpha grows beyond all bounds: decay does not shrink what is infinite.
    plan = load_plan(
        {**SMALL, "participant": [{"ids": [1], "training": {"learning_rate": 60.0}}]},
        ["baselines.centralised=false", "baselines.standalone=0", "exchange.rounds=6"],
    )
    run_experiment(plan, tmp_path / "run")
    lines = [line for line in read_run(tmp_path / "run").turns if line.participant == 1]
    shared = False
    for line in lines:
        shared |= line.status == "shared"
        assert line.epsilon == (float("inf") if shared else 0.0)


def test_turns_expected_are_turns_that_come(tmp_path):
    heard = []
    plan = load_plan(
        SMALL,
        ["exchange.order=synchronous", "exchange.cohort=0.5", "baselines.standalone=0"],
    )
    run_experiment(plan, tmp_path / "run", watch=heard.append)
    last = [progress for progress in heard if progress.phase == "joint"][-1]
    assert last.turn == last.num_turns == 6
    assert heard[-1].seconds_left == pytest.approx(0, abs=1e-6)


def test_augmentation_needs_images(tmp_path):
    rows = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
    np.savez(tmp_path / "mine.npz", x=rows, y=np.arange(60) % 3)
    plan = load_plan(
        {
            "data": {"set": f"npz:{tmp_path / 'mine.npz'}", "normalise": "own"},
            "partition": {"participants": 3},
            "model": {"name": "tests.test_experiment:flat_network"},
            "training": {"shift": 0.1},
        }
    )
    with pytest.raises(BadInput, match=r"need images .* got rows of shape \(5,\)"):
        run_experiment(plan, tmp_path / "run")


def flat_network(num_classes):
    return torch.nn.Linear(5, num_classes)


def test_columns_to_predict_are_found_by_their_names(tmp_path):
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(60, 2))
    lines = [f"{i},{a:.4f},{b:.4f},{'ill' if a > b else 'well'}" for i, (a, b) in enumerate(rows)]
    (tmp_path / "ward.csv").write_text("\n".join(["patient,age,dose,state", *lines]))
    plan = load_plan(
        {
            "data": {
                "set": f"csv:{tmp_path / 'ward.csv'}",
                "normalise": "none",
                "options": {"label": "state", "drop": ["patient"]},
            },
            "partition": {"participants": 2},
            "model": {"name": "tests.test_experiment:two_columns"},
            "training": {"learning_rate": 0.5},
            "sharing": {"theta_u": 1.0},
            "exchange": {"rounds": 5},
            "baselines": {"centralised": False, "standalone": 0},
        }
    )
    run_experiment(plan, tmp_path / "run")
    (tmp_path / "a.csv").write_text("patient,age,dose\n7,3.0,-3.0\n8,-3.0,3.0\n")
    (tmp_path / "b.csv").write_text("dose,ward,age\n-3.0,x,3.0\n3.0,y,-3.0\n")
    first, second = (predict(tmp_path / "run", f"csv:{tmp_path / name}.csv") for name in "ab")
    assert first.probabilities == second.probabilities
    assert [first.class_names[label] for label in first.labels] == ["ill", "well"]
    (tmp_path / "c.csv").write_text("patient,age,doses\n7,3.0,-3.0\n")
    with pytest.raises(BadInput, match=r"column 'dose' must be one of .* did you mean 'doses'"):
        predict(tmp_path / "run", f"csv:{tmp_path / 'c.csv'}")


def two_columns(num_classes):
    return torch.nn.Linear(2, num_classes)
