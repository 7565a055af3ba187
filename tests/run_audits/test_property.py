"""The audit of a property: told where it shows, not where noise hides it, never by the control."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.run_audits.conftest import SMALL
from tithe.audit.property_inference import features_by_unit, features_of
from tithe.checks import BadInput
from tithe.experiment import run_experiment
from tithe.plan import load_plan
from tithe.report.audit_facts import public
from tithe.run_audits import property_trial
from tithe.run_audits.property import CONTROL, PropertyOptions, audit_property
from tithe.run_audits.property_rows import property_rows
from tithe.run_audits.upload_source import source_in_run
from tithe.sharing.update import everything

QUICK = PropertyOptions(wanted="3", num_rehearsals=20, num_tests=20, num_turns=1)


@pytest.fixture(scope="module")
def source(kept):
    return source_in_run(kept, participant=0)


@pytest.fixture(scope="module")
def facts(source):
    return audit_property(source, QUICK)


@pytest.fixture(scope="module")
def skewed(tmp_path_factory):
    """Participant 0 of a run whose participants have some of the classes each."""
    directory = tmp_path_factory.mktemp("skewed") / "run"
    parted = ["partition.kind=label_shards", "partition.shards_each=2", "exchange.rounds=1"]
    run_experiment(load_plan(SMALL, parted), directory)
    return source_in_run(directory, participant=0)


def class_counts(source):
    shard = source.participant.shard
    return torch.bincount(shard.data.labels[shard.rows], minlength=10)


def test_plain_uploads_tell_how_common_a_class_is_and_the_control_does_not(facts):
    told = facts.inferred
    assert told.told.auc > 0.9 and told.told.auc_low > 0.8
    assert told.told.right_low > 0.6
    assert told.control.name == CONTROL
    assert told.control.auc_low < 0.5 < told.control.auc_high
    assert told.class_name == "3" and told.is_told
    assert "noise for all data of a participant" in facts.advice[0]


def test_shares_far_from_the_boundary_are_told_no_worse_than_those_near_it(facts):
    parts = {each.name: each for each in facts.inferred.parts}
    near, far = parts["shares near the boundary"], parts["shares far from it"]
    assert far.auc >= near.auc
    assert near.num + far.num == facts.inferred.told.num == 40


def test_noise_for_all_data_of_a_participant_hides_it(tmp_path):
    noise = ["privacy.unit=participant", "privacy.epsilon=8", "privacy.delta=1e-3"]
    plan = load_plan(SMALL, [*noise, "sharing.gamma=0.01", "exchange.rounds=1"])
    run_experiment(plan, tmp_path / "private")
    facts = audit_property(source_in_run(tmp_path / "private", participant=0), QUICK)
    told = facts.inferred
    assert not told.is_told and facts.advice == ()
    assert told.told.auc_low < 0.5 < told.told.auc_high
    assert told.smallest == pytest.approx(0.681, abs=0.001)  # 0.5 + 1.96 sqrt(41 / 4800)


def test_an_observer_that_reads_nothing_is_at_chance(source, monkeypatch):
    monkeypatch.setattr(
        property_trial, "features_by_unit", lambda module: lambda update: np.zeros(3)
    )
    told = audit_property(source, QUICK).inferred
    assert told.told.auc == told.control.auc == 0.5


def test_a_simulation_that_gives_itself_away_is_caught_by_the_control(source, monkeypatch):
    """Uploads that tell who was made for which list would be taken for the property otherwise."""
    reads = property_trial.PropertyTrial.read

    def broken(self, upload):
        told = reads(self, upload)
        return type(told)(told.present + 1, told.absent, told.control + 1, told.own)

    monkeypatch.setattr(property_trial.PropertyTrial, "read", broken)
    told = audit_property(source, QUICK)
    assert told.inferred.control_is_told and not told.inferred.is_told


def test_the_participant_that_has_the_class_is_believed_to_have_it_and_another_is_not(skewed):
    counts = class_counts(skewed)
    assert counts.max() >= 20 and counts.min() == 0
    for wanted, holds in ((int(counts.argmax()), True), (int(counts.argmin()), False)):
        options = PropertyOptions(wanted=str(wanted), num_rehearsals=20, num_tests=10, num_turns=1)
        own = audit_property(skewed, options).inferred.own
        assert own.holds is holds
        assert (own.belief > 0.5) is holds


def test_the_same_options_give_the_same_bytes(source):
    brief = PropertyOptions(num_rehearsals=10, num_tests=10, num_turns=1)
    assert audit_property(source, brief).to_json() == audit_property(source, brief).to_json()


def test_the_public_form_says_nothing_of_the_participant_itself(facts):
    assert facts.inferred.own is not None and b'"belief"' in facts.to_json()
    told = public(facts)
    assert told.inferred.own is None and b'"belief"' not in told.to_json()
    assert told.inferred.told == facts.inferred.told


def test_made_up_participants_have_the_share_that_was_wished_for(source):
    rows = property_rows(source, wanted="3", boundary=0.25, seed=1)
    for kind in (True, False):
        for seed in range(30):
            wanted = rows.wanted(kind=kind, seed=seed)
            _, labels = rows.made(wanted, of=rows.tried)
            share = float((labels == 3).double().mean())
            assert len(labels) == rows.num_rows == 100
            assert share == wanted.num_marked / 100
            assert (0.25 < share <= 0.5) if kind else (share <= 0.25)


def test_the_observer_has_seen_no_row_that_it_is_tried_on(source):
    rows = property_rows(source, wanted=None, boundary=None, seed=1)
    known = {each.numpy().tobytes() for each in rows.known.features}
    assert len(rows.known.labels) + len(rows.tried.labels) == len(source.public_labels) + 100
    assert not known & {each.numpy().tobytes() for each in rows.tried.features}


def test_units_of_the_last_layer_are_read_one_by_one(source):
    module = source.make_module()
    size = sum(each.numel() for each in module.parameters())
    read, change = features_by_unit(module), torch.zeros(size)
    nothing = read(everything(change))
    change[-1] = 2.0  # the bias of the last class
    found = read(everything(change)) - nothing
    assert sorted(found[found != 0]) == [2.0, 2.0]  # its sum and its magnitude
    assert len(found) % 3 == 0 and len(found) > len(features_of(everything(change))) / 3


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (PropertyOptions(wanted="thirty"), "--class must be one of 0, 1, 2"),
        (PropertyOptions(boundary=1.0), r"--share must be in \(0, 1\).* got 1"),
        (PropertyOptions(confidence=0.4), r"confidence must be in \(0.5, 1\), got 0.4"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(source, options, sentence):
    with pytest.raises(BadInput, match=sentence):
        audit_property(source, options)


def test_too_few_participants_to_try_it_on_are_refused(source):
    with pytest.raises(ValueError, match="num_tests must be finite and >= 10, got 5"):
        audit_property(source, PropertyOptions(num_tests=5))


def test_a_plan_that_balances_classes_is_refused(kept, tmp_path):
    source = source_in_run(kept, participant=0)
    plan = load_plan(SMALL, ["balance.method=oversample"])
    with pytest.raises(BadInput, match=r"the plan balances classes .* audit a run without"):
        audit_property(type(source)(**{**vars(source), "plan": plan}), QUICK)


def test_too_few_public_rows_of_the_class_are_refused(kept):
    source = source_in_run(kept, participant=0)
    keep = torch.cat([torch.nonzero(source.public_labels != 3)[:, 0][:100], torch.tensor([0])])
    few = {
        "public_features": source.public_features[keep],
        "public_labels": source.public_labels[keep],
    }
    with pytest.raises(BadInput, match="at least 10 of class 3 and as many others"):
        audit_property(type(source)(**{**vars(source), **few}), QUICK)
