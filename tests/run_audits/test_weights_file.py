"""The audit of a model in a file of its own: as strong as that of a run; mistakes are sentences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.run_audits.conftest import SMALL
from tithe.audit.trained_model import train_module
from tithe.build import build
from tithe.checks import BadInput
from tithe.joint_model import MODEL
from tithe.learning.local import LocalTraining
from tithe.plan import load_plan
from tithe.run_audits.member_file import listed_pool, read_members, undealt
from tithe.run_audits.model import audit_run
from tithe.run_audits.pool_audit import ModelOptions
from tithe.run_audits.weights_file import WeightsFile, audit_weights

QUICK = ModelOptions(num_shadows=0, most_records=100)
PLAN = load_plan(SMALL)
WHOLE = load_plan(SMALL, ["data.train_rows=0"])


def listed(path, **arrays):
    np.savez(path, **arrays)
    return path


@pytest.fixture(scope="module")
def overfitted(tmp_path_factory):
    """Weights that know 60 rows of the training part by heart, and the list of these rows."""
    folder = tmp_path_factory.mktemp("own")
    built = build(load_plan(SMALL, ["data.train_rows=0", "partition.participants=1"]))
    (everybody,) = built.phases[0].participants
    rows = np.random.default_rng(1).permutation(len(everybody.shard.data))[:120]
    shard = replace(everybody.shard, rows=torch.from_numpy(rows[:60]), held=None)
    module = built.phases[0].make_module()
    train_module(
        module, *shard.tensors(), training=LocalTraining(batch_size=10, local_epochs=150),
        learning_rate=0.1, seed=1,
    )  # fmt: skip
    save_file(module.state_dict(), folder / "mine.safetensors")
    return folder / "mine.safetensors", rows[:60], rows[60:]


def test_a_file_of_weights_is_audited_as_the_run_that_it_came_from(kept, tmp_path):
    weights = tmp_path / "copy.safetensors"
    weights.write_bytes((kept / MODEL).read_bytes())
    by_run, by_file = audit_run(kept, QUICK), audit_weights(WeightsFile(weights, PLAN), QUICK)
    assert by_file.attacks == by_run.attacks and by_file.exposed == by_run.exposed
    assert by_file.name == "copy.safetensors"
    assert by_file.epsilon.claimed is None and by_run.epsilon.claimed == float("inf")


def test_shadow_models_of_a_file_are_the_plans_training_and_are_kept_beside_it(kept, tmp_path):
    weights = tmp_path / "copy.safetensors"
    weights.write_bytes((kept / MODEL).read_bytes())
    options = ModelOptions(num_shadows=2, most_records=40, num_processes=1)
    found = audit_weights(WeightsFile(weights, PLAN), options)
    assert found.headline == "RMIA"
    (folder,) = (tmp_path / "copy-audit").iterdir()
    assert folder.name.startswith("shadows-all-1-80")
    assert found.attacks == audit_run(kept, options, cache=tmp_path / "run").attacks


def test_a_stated_claim_stands_beside_what_is_shown(kept):
    file = WeightsFile(kept / MODEL, PLAN, epsilon=4.0, delta=1e-5)
    told = audit_weights(file, QUICK).epsilon
    assert (told.claimed, told.delta) == (4.0, 1e-5)


def test_listed_members_of_an_overfitted_model_are_named_and_others_are_not(overfitted, tmp_path):
    weights, members, others = overfitted
    options = replace(QUICK, seed=2)
    right = listed(tmp_path / "who.npz", members=members, non_members=others)
    found = audit_weights(WeightsFile(weights, WHOLE, members=right), options)
    assert found.best.num_members == found.best.num_non_members == 60
    assert {each.record for each in found.exposed} <= {f"row {row}" for row in members}
    wrong = listed(tmp_path / "wrong.npz", members=others[:30], non_members=others[30:])
    control = audit_weights(WeightsFile(weights, WHOLE, members=wrong), options)
    assert control.best.auc_low < 0.5 and found.best.auc_low > 0.55
    alone = listed(tmp_path / "alone.npz", members=members)
    against_test = audit_weights(WeightsFile(weights, WHOLE, members=alone), options)
    assert against_test.best.auc_low > 0.55
    assert {"LiRA offline", "LiRA online", "RMIA"} <= set(found.not_tried)


def test_a_pool_of_listed_members_shows_each_as_the_network_saw_it(tmp_path):
    rows = np.array([3, 70, 5, *range(100, 130)])
    path = listed(tmp_path / "who.npz", members=rows)
    pool = listed_pool(path, build(undealt(WHOLE)), most_records=100, seed=1)
    built = build(load_plan(SMALL, ["data.train_rows=0"]))
    assert pool.rows[: len(rows)].tolist() == sorted(rows)
    for each in (participant.shard for participant in built.phases[0].participants):
        features, labels = each.tensors()
        for at, row in enumerate(each.rows.tolist()):
            for place in np.flatnonzero(pool.rows[: len(rows)] == row):
                assert torch.equal(pool.features[place], features[at])
                assert pool.labels[place] == labels[at]


def test_weights_of_another_network_are_one_sentence(kept, tmp_path):
    other = load_plan(SMALL, ["model.name=digits-cnn"])
    with pytest.raises(BadInput, match="does not hold a digits-cnn as the plan has it: its ") as no:
        audit_weights(WeightsFile(kept / MODEL, other), QUICK)
    assert "--set model.name" in str(no.value) and "\n" not in str(no.value)
    tensors = load_file(kept / MODEL)
    name = min(tensors)
    wider = tmp_path / "wide.safetensors"
    save_file({**tensors, name: torch.zeros(3, 4)}, wider)
    with pytest.raises(BadInput, match=f"its {name} has shape 3 x 4, the network's shape"):
        audit_weights(WeightsFile(wider, PLAN), QUICK)
    save_file({**tensors, "zz": torch.zeros(2)}, wider)
    with pytest.raises(BadInput, match="its zz has shape 2, the network's no values"):
        audit_weights(WeightsFile(wider, PLAN), QUICK)


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"non_members": np.arange(30)}, "must hold an array members"),
        ({"members": np.arange(30) / 2}, "one column of whole numbers, got float64"),
        ({"members": np.arange(200)}, "rows of the training part, 0 to 99, got 0 to 199"),
        ({"members": np.array([-1])}, "got -1 to -1"),
        ({"members": np.arange(9), "non_members": np.arange(5, 9)}, "4 rows among members and non"),
    ],
)
def test_a_list_that_cannot_be_used_is_one_sentence(tmp_path, arrays, sentence):
    with pytest.raises(BadInput, match=sentence):
        read_members(listed(tmp_path / "who.npz", **arrays), num_rows=100)


def test_a_file_that_is_no_list_is_one_sentence(tmp_path):
    (tmp_path / "who.npz").write_bytes(b"not at all")
    with pytest.raises(BadInput, match=r"who\.npz is damaged"):
        read_members(tmp_path / "who.npz", num_rows=100)
    whole = listed(tmp_path / "whole.npz", members=np.arange(30)).read_bytes()
    (tmp_path / "who.npz").write_bytes(whole[:-20])
    with pytest.raises(BadInput, match=r"who\.npz is damaged"):
        read_members(tmp_path / "who.npz", num_rows=100)
    with pytest.raises(BadInput, match=r"no\.npz does not exist"):
        read_members(tmp_path / "no.npz", num_rows=100)


@pytest.mark.parametrize(
    ("changes", "options", "sentence"),
    [
        ([], replace(QUICK, num_shadows=2), "take --shadows 0"),
        ([], replace(QUICK, participant=1), "no participant can be named"),
        (["data.train_rows=100"], QUICK, "data.train_rows draws a part"),
        (["data.normalise=own"], QUICK, "name constants"),
        (["data.test_rows=30"], QUICK, "at least 20 members and as many others, .* got 40 and 30"),
    ],
)
def test_a_list_with_what_contradicts_it_is_refused(kept, tmp_path, changes, options, sentence):
    path = listed(tmp_path / "who.npz", members=np.arange(40))
    plan = load_plan(WHOLE.to_table(), changes)
    with pytest.raises(BadInput, match=sentence):
        audit_weights(WeightsFile(kept / MODEL, plan, members=path), options)
