"""A simulated insider: who holds what, what is drawn, and that noise and mistakes are seen."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tithe.build import build
from tithe.checks import BadInput
from tithe.plan import load_plan
from tithe.run_audits.insider import CONTROL, InsiderOptions, audit_insider
from tithe.run_audits.insider_cast import cast_of

PLAN = {
    "name": "ward",
    "data": {"train_rows": 600},
    "partition": {"participants": 3},
    "model": {"name": "digits-mlp"},
    "training": {"batch_size": 16, "learning_rate": 0.1},
    "sharing": {"theta_u": 0.3},
    "exchange": {"rounds": 10},
    "baselines": {"centralised": False, "standalone": 0},
}
SHORT = InsiderOptions(num_steps=3, num_drawings=4)


def classes_of(shard):
    return torch.bincount(shard.data.labels[shard.rows], minlength=10)


def cast(plan=PLAN, *overrides, **asked):
    options = {"wanted": "3", "participant": None, "is_sole": False} | asked
    return cast_of(build(load_plan(plan, list(overrides))), **options)


def test_the_class_is_drawn_from_a_network_that_saw_it_and_from_no_other():
    facts = audit_insider(load_plan(PLAN), InsiderOptions(wanted="3", is_sole=True))
    found, control, mean = facts.drawn
    assert control.name == CONTROL
    assert found.judged > 0.8
    assert control.judged < 0.4
    assert found.to_class > control.to_class + 0.1
    assert mean.judged == 1 and mean.to_class == pytest.approx(1)
    assert facts.gallery_words.startswith("The insider drew class 3")
    assert len(facts.gallery) == 6 and facts.gallery[0].rebuilt != facts.gallery[3].rebuilt
    assert facts.made["Class"] == "3, held by 1 of 3 participants"


def test_the_same_options_give_the_same_bytes():
    plan = load_plan(PLAN, ["exchange.rounds=1"])
    first, again = (audit_insider(plan, SHORT).to_json() for _ in range(2))
    assert first == again


def test_an_insider_among_participants_with_noise_of_their_own_can_be_played():
    noisy = ["privacy.unit=record", "privacy.epsilon=3.0", "sharing.residual=false"]
    plan = load_plan(PLAN, ["exchange.rounds=1", *noisy])
    facts = audit_insider(plan, SHORT)
    assert len(facts.drawn) == 3
    parted = load_plan(PLAN, ["exchange.rounds=2", "sharing.theta_d=0.5"])
    assert len(audit_insider(parted, SHORT).drawn) == 3


def test_the_insider_holds_no_row_of_the_class_and_others_keep_theirs():
    dealt = cast(participant=1)
    assert dealt.insider == dealt.place == 1
    counts = torch.stack([classes_of(each) for each in dealt.shards])
    assert counts[1, 3] == 0 and (counts[[0, 2], 3] > 0).all() and dealt.num_owners == 2
    assert dealt.called == int(counts[1].argmax()) != 3
    assert len(dealt.rows_of_class()) == counts[:, 3].sum()
    assert all(classes_of(each)[3] == 0 for each in dealt.without_class())


def test_a_sole_owner_gets_all_rows_of_the_class_once_and_no_other():
    before, after = cast(participant=0), cast(participant=0, is_sole=True)
    counts = [torch.stack([classes_of(each) for each in one.shards]) for one in (before, after)]
    assert after.num_owners == 1 and counts[1][1, 3] == counts[0][:, 3].sum()
    others = np.delete(np.arange(10), 3)
    assert torch.equal(counts[0][:, others], counts[1][:, others])


def test_left_alone_it_takes_a_class_that_the_fewest_hold():
    parted = ("partition.kind=label_shards", "partition.shards_each=2")
    dealt = cast(PLAN, *parted, wanted=None)
    assert dealt.num_owners == 1


@pytest.mark.parametrize(
    ("overrides", "options", "sentence"),
    [
        ((), {"wanted": "thirty"}, "--class must be one of 0, 1, 2"),
        ((), {"participant": 7}, "participant must be one of the 3 of the plan, 0 to 2, got 7"),
        (("partition.participants=1",), {}, "an insider needs others to spy on"),
        (("data.test_rows=20",), {}, "the class must have at least 5 rows"),
        (("data.features=scattering", "model.name=auto"), {}, "got rows of shape"),
    ],
)
def test_what_cannot_be_played_is_one_sentence(overrides, options, sentence):
    with pytest.raises(BadInput, match=sentence):
        audit_insider(load_plan(PLAN, list(overrides)), InsiderOptions(**options))
