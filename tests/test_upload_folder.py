"""A run that keeps what was sent: everything that left, from where it left, and a look at each."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from tithe.build import build
from tithe.checks import BadInput
from tithe.experiment import Interrupted, run_experiment
from tithe.parties.participant import lay_on
from tithe.plan import load_plan
from tithe.record import read_run
from tithe.run_audits.upload_source import checks_of, source_in_run
from tithe.sharing.codec import decode
from tithe.storage.uploads import read_uploads
from tithe.upload_folder import journals_in, run_in

SMALL = {
    "name": "kept",
    "data": {"train_rows": 120, "test_rows": 60},
    "partition": {"participants": 3},
    "model": {"name": "digits-mlp"},
    "training": {"batch_size": 10, "learning_rate": 0.1},
    "exchange": {"rounds": 2},
    "baselines": {"centralised": False, "standalone": 0},
    "run": {"keep_uploads": True},
}


def run(directory, *overrides, **options):
    return run_experiment(load_plan(SMALL, list(overrides)), directory, **options)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    directory = tmp_path_factory.mktemp("runs") / "kept"
    run(directory)
    return directory


def test_all_that_left_is_there_and_nothing_else(kept):
    folders = journals_in(kept)
    assert [folder.name for folder in folders] == [f"participant-000{n}" for n in range(3)]
    name = run_in(kept, plan=load_plan(SMALL))
    uploads = [upload for folder in folders for upload in read_uploads(folder, run=name)]
    sent = [line for line in read_run(kept).turns if line.phase == "joint"]
    assert sorted((u.participant, u.turn) for u in uploads) == sorted(
        (line.participant, line.round - 1) for line in sent
    )
    assert sum(len(u.payload) for u in uploads) == sum(line.bytes_up for line in sent)


def test_in_round_robin_each_upload_leads_from_its_own_download_to_the_next_ones(kept):
    uploads = sorted(
        (upload for folder in journals_in(kept) for upload in read_uploads(folder)),
        key=lambda upload: (upload.turn, upload.participant),
    )
    initial = build(load_plan(SMALL)).phases[0].initial
    assert torch.equal(uploads[0].downloaded, initial)
    for upload, after in pairwise(uploads):
        update = decode(upload.payload, size=initial.numel())
        assert torch.allclose(lay_on(upload.downloaded, update), after.downloaded, atol=1e-7)


def test_a_row_tells_recipe_account_and_the_quick_look(kept):
    facts = read_uploads(journals_in(kept)[1])[0].facts
    assert facts["recipe"]["selection"] == "largest"
    assert facts["training"]["batch_size"] == 10
    assert facts["num_rows"] == 40 and facts["num_steps"] == 4
    assert facts["epsilon"] == "inf"
    check = facts["check"]
    assert sum(check["counts"]) == pytest.approx(40)
    assert sum(check["true_counts"]) == 40
    assert check["num_isolated"] >= check["num_isolated_control"] == 0


@pytest.mark.parametrize("theta_d", [1.0, 0.5])
def test_every_engine_writes_down_the_same(tmp_path, theta_d):
    changes = ["exchange.order=synchronous", f"sharing.theta_d={theta_d}"]
    found = {}
    for engine in ("in_process", "parallel"):
        run(tmp_path / engine, *changes, f"run.engine={engine}", "run.processes=1")
        found[engine] = [
            (u.participant, u.turn, u.payload, u.facts["downloaded"])
            for folder in journals_in(tmp_path / engine)
            for u in read_uploads(folder)
        ]
    assert len(found["in_process"]) == 6
    assert found["in_process"] == found["parallel"]


def test_a_resumed_run_writes_down_no_turn_twice(kept, tmp_path):
    asked = []

    def should_stop():
        asked.append(1)
        return len(asked) == 4

    with pytest.raises(Interrupted):
        run(tmp_path / "run", should_stop=should_stop)
    run(tmp_path / "run", resume=True)
    whole, resumed = (
        [(u.participant, u.turn, u.payload) for f in journals_in(each) for u in read_uploads(f)]
        for each in (kept, tmp_path / "run")
    )
    assert resumed == whole


def test_a_run_that_kept_nothing_is_told_how_to(tmp_path):
    with pytest.raises(BadInput, match=r"run\.keep_uploads=true"):
        journals_in(tmp_path)


@pytest.mark.parametrize(
    ("selection", "other"), [("largest", "random_mask"), ("random_mask", "largest")]
)
def test_the_quick_look_knows_by_the_plan_how_it_was_chosen(tmp_path, selection, other):
    run(tmp_path / "run", f"sharing.selection={selection}", "sharing.theta_u=0.01")
    source = source_in_run(tmp_path / "run", participant=1)
    written = [upload.facts["check"]["counts"] for upload in source.uploads]
    assert [list(check.counts) for check in checks_of(source, source.uploads)] == written
    contrary = load_plan(source.plan.to_table(), [f"sharing.selection={other}"])
    misled = checks_of(replace(source, plan=contrary), source.uploads)
    assert [list(check.counts) for check in misled] != written
