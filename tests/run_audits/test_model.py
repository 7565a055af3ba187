"""The audit of a run's model: shadow models of the same plan, and figures that a replay repeats."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.run_audits.conftest import SMALL
from tithe.audit.trained_model import train_module
from tithe.build import build
from tithe.checks import BadInput
from tithe.experiment import run_experiment
from tithe.joint_model import load_joint_model
from tithe.learning.dp_sgd import PrivateTraining
from tithe.learning.flat import read_vector
from tithe.learning.local import LocalTraining
from tithe.learning.models import build_model
from tithe.plan import load_plan
from tithe.privacy.calibrate import calibrated_noise_multiplier
from tithe.report.audit_words import strength, verdict
from tithe.run_audits.membership import ASSUMED, audit_module
from tithe.run_audits.model import audit_run
from tithe.run_audits.pool import pool_of, with_others
from tithe.run_audits.pool_audit import ModelOptions
from tithe.run_audits.retraining import require_repeatable, train_again

QUICK = ModelOptions(num_shadows=0, most_records=100)


@pytest.fixture(scope="module")
def built():
    return build(load_plan(SMALL))


def digits(num_rows, *, start=0):
    """Rows of the training part, in an order of their own."""
    everybody = build(load_plan({**SMALL, "data": {}})).phases[0].participants
    features, labels = (torch.cat(part) for part in zip(
        *[each.shard.tensors() for each in everybody], strict=True
    ))  # fmt: skip
    return features[start : start + num_rows], labels[start : start + num_rows]


# ------------------------------------------------------------------ who is looked for


def test_members_trained_and_strangers_did_not(built):
    pool = pool_of(built, participant=None, most_records=100, seed=1)
    held = set(torch.cat([each.shard.rows for each in built.phases[0].participants]).tolist())
    num_train = len(built.phases[0].participants[0].shard.data)
    assert set(pool.rows[:100].tolist()) <= held
    assert (pool.rows[100:] >= num_train).all()
    assert len(pool.population_labels) == 300 - 100
    # What the pool says a record looks like is what training saw of it.
    for number, shard in enumerate(each.shard for each in built.phases[0].participants):
        features, labels = shard.tensors()
        for place in np.flatnonzero(pool.owners == number)[:3]:
            at = shard.rows.tolist().index(int(pool.rows[place]))
            assert torch.equal(pool.features[place], features[at])
            assert pool.labels[place] == labels[at]


def test_one_participants_rows_can_be_looked_for_alone(built):
    pool = pool_of(built, participant=1, most_records=1000, seed=1)
    assert set(pool.owners.tolist()) == {1}
    assert len(pool.owners) == 100
    with pytest.raises(BadInput, match="one of the 2 of the run"):
        pool_of(built, participant=2, most_records=100, seed=1)


def test_shadow_rows_take_the_members_places_and_nobody_elses(built):
    pool = pool_of(built, participant=0, most_records=60, seed=1)
    chosen = np.arange(60, 120)  # the strangers
    shards = with_others(pool, chosen, rng=np.random.default_rng(0))
    assert [len(shard) for shard in shards] == [100, 100]
    assert torch.equal(shards[1].rows, pool.shards[1].rows)
    given = set(shards[0].rows.tolist())
    assert given >= set(pool.rows[chosen].tolist())
    assert not given & set(pool.rows[:60].tolist())


def test_too_few_test_rows_are_told_in_a_sentence(built):
    few = replace(built, test_labels=built.test_labels[:30])
    with pytest.raises(BadInput, match="at least 20 members and twice as many test rows"):
        pool_of(few, participant=None, most_records=100, seed=1)


# ------------------------------------------------------------------ training again


def test_training_again_on_the_same_rows_gives_the_runs_own_model(kept, built):
    plan = load_plan(SMALL)
    shards = [each.shard for each in built.phases[0].participants]
    again = train_again(plan, built, shards, seed=plan.seed)
    assert torch.equal(read_vector(again), read_vector(load_joint_model(kept)[0]))


def test_a_plan_with_synthetic_rows_is_not_trained_again():
    plan = load_plan(SMALL, ["balance.method=smote"])
    with pytest.raises(BadInput, match="--shadows 0"):
        require_repeatable(plan)


# ------------------------------------------------------------------ the whole audit


def test_shadow_models_are_kept_and_a_replay_gives_the_same_bytes(kept, tmp_path, monkeypatch):
    options = ModelOptions(num_shadows=4, most_records=100, num_processes=1)
    first = audit_run(kept, options, cache=tmp_path)
    assert first.headline == "LiRA online" and "RMIA" in {each.name for each in first.attacks}

    def not_again(*_, **__):
        pytest.fail("a shadow model was trained again")

    monkeypatch.setattr("tithe.run_audits.retraining.train_again", not_again)
    again = audit_run(kept, options, cache=tmp_path)
    assert again.to_json() == first.to_json()


def test_a_run_without_protection_claims_nothing(kept):
    facts = audit_run(kept, QUICK)
    assert facts.epsilon.claimed == float("inf")
    assert json.loads(facts.to_json())["epsilon"]["claimed"] == "inf"
    assert facts.headline == "loss"
    assert facts.gallery_words.startswith("An illustration, and no measure of risk")
    assert len(facts.gallery) == 3
    assert set(facts.not_tried) == {"LiRA offline", "LiRA online", "RMIA"}


def test_a_private_run_is_held_against_what_its_ledger_says(tmp_path):
    changes = ["privacy.unit=record", "privacy.epsilon=4", "privacy.delta=1e-3"]
    run_experiment(load_plan(SMALL, [*changes, "run.keep_uploads=false"]), tmp_path / "private")
    facts = audit_run(tmp_path / "private", QUICK)
    assert 0 < facts.epsilon.claimed <= 4 and facts.epsilon.delta == 1e-3
    assert facts.epsilon.shown <= facts.epsilon.claimed


def test_shadow_models_of_a_private_run_are_trained_with_its_noise(tmp_path):
    changes = ["privacy.unit=record", "privacy.epsilon=4", "run.keep_uploads=false"]
    run_experiment(load_plan(SMALL, [*changes, "exchange.rounds=1"]), tmp_path / "private")
    facts = audit_run(tmp_path / "private", replace(QUICK, num_shadows=2, num_processes=1))
    assert "RMIA" in {each.name for each in facts.attacks}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (replace(QUICK, false_positive_rate=0.001), "needs at least 1000 non-members, got 100"),
        (replace(QUICK, num_shadows=3), "shadow models come in pairs"),
        (replace(QUICK, participant=9), "participant must be one of"),
    ],
)
def test_what_cannot_be_told_is_refused_in_a_sentence(kept, options, sentence):
    with pytest.raises(BadInput, match=sentence):
        audit_run(kept, options)


def test_other_data_than_the_runs_are_refused(kept, tmp_path):
    shutil.copytree(kept, tmp_path / "run")
    about = json.loads((tmp_path / "run" / "about.json").read_text())
    about["rows_each"] = [150, 50]
    (tmp_path / "run" / "about.json").write_text(json.dumps(about))
    with pytest.raises(BadInput, match="trained on other rows"):
        audit_run(tmp_path / "run", QUICK)


# ------------------------------------------------------------------ what the verdict says


def trained(training, rows, *, learning_rate):
    module = build_model("digits-mlp", num_classes=10, seed=1)
    return train_module(module, *rows, training=training, learning_rate=learning_rate, seed=1)


def test_a_model_that_learnt_labels_by_heart_is_far_above_chance():
    members, others = digits(60), digits(60, start=60)
    shuffled = members[1][torch.randperm(60, generator=torch.Generator().manual_seed(1))]
    module = trained(
        LocalTraining(batch_size=10, local_epochs=150), (members[0], shuffled), learning_rate=0.1
    )
    facts = audit_module(module, (members[0], shuffled), others)
    assert strength(facts.best) == "far above chance"
    assert facts.best.named > 20 and len(facts.exposed) == 20
    assert facts.epsilon.shown > 0.5


def test_a_well_trained_private_model_is_near_chance_and_a_planted_leak_is_found_beside_it():
    members, others = digits(600), digits(600, start=600)
    noise = calibrated_noise_multiplier(epsilon=4.0, delta=1e-5, sampling_rate=0.1, num_steps=150)
    private = PrivateTraining(
        batch_size=60, num_steps=150, noise_multiplier=noise, l2_norm_bound=1.0
    )
    module = trained(private, members, learning_rate=0.5)
    facts = audit_module(module, members, others, claimed=4.0, delta=1e-5)
    assert "near chance" in verdict(facts)
    assert facts.epsilon.shown <= 4.0
    assert facts.planted.is_found and facts.planted.num_planted == 30
    accuracy = (module(others[0]).argmax(dim=1) == others[1]).double().mean()
    assert accuracy > 0.6  # it is a model that somebody would use


def test_the_headline_is_named_by_rule_and_not_by_what_was_found():
    assert "named by rule" in ASSUMED[0]


def test_rows_that_the_module_does_not_take_are_refused_in_a_sentence():
    module = build_model("digits-mlp", num_classes=10, seed=1)
    rows = torch.zeros(30, 1, 4, 4), torch.zeros(30, dtype=torch.int64)
    with pytest.raises(BadInput, match="does not take rows of shape"):
        audit_module(module, rows, rows)
