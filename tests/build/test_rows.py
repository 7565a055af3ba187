"""From [balance] and [partition] to the rows that each participant trains on."""

from __future__ import annotations

import importlib.util

import pytest
import torch

from tests.private_plans import SMALL
from tithe.build import build
from tithe.build.rows import balanced, rows_each
from tithe.checks import BadInput
from tithe.data.balance import Touched
from tithe.data.dataset import Dataset
from tithe.data.normalise import Normalisation
from tithe.data.shard import Shard
from tithe.plan import load_plan
from tithe.plan_costs import costs_of
from tithe.privacy.events import TouchedRowSteps

COUNTS = "balance.class_rows=[100, 80, 60, 40, 20, 20, 20, 20, 20, 10]"
RECORD = "privacy.unit=record"
PLAIN = {**SMALL, "data": {"test_rows": 40}}
needs_imblearn = pytest.mark.skipif(
    importlib.util.find_spec("imblearn") is None, reason="imbalanced-learn is not installed"
)


def two_classes(num_many=90, num_rare=10):
    """Rows of numbers, the last of them rare."""
    features = torch.randn(num_many + num_rare, 3, generator=torch.Generator().manual_seed(1))
    labels = torch.tensor([0] * num_many + [1] * num_rare)
    return Dataset("ward", features, labels, ("well", "ill"))


def shards_of(data, *rows):
    return [Shard(data, torch.tensor(each), Normalisation("none")) for each in rows]


def plan_with(*overrides):
    return load_plan(PLAIN, list(overrides))


def counts_of(shard):
    labels = shard.data.labels[shard.rows]
    return torch.bincount(labels, minlength=shard.data.num_classes).tolist()


def test_class_rows_are_what_all_participants_hold_together():
    built = build(plan_with(COUNTS))
    joint = built.phases[0]
    held = torch.cat([each.shard.rows for each in joint.participants])
    assert len(held) == len(held.unique()) == 390
    labels = joint.participants[0].shard.data.labels[held]
    assert torch.bincount(labels).tolist() == [100, 80, 60, 40, 20, 20, 20, 20, 20, 10]
    assert sum(built.rows_each) == 390


def test_nothing_asked_changes_nothing():
    data = two_classes()
    shards = shards_of(data, [0, 5], [1])
    assert [each.shard for each in balanced(plan_with(), shards)] == shards
    plain = rows_each(plan_with(), data)
    assert [len(rows) for rows in plain] == [34, 33, 33]


def test_own_counts_decide_the_weights_unless_public_ones_are_stated():
    shards = shards_of(two_classes(), [0, 1, 2, 99], [3, 98])
    own = balanced(plan_with("balance.method=class_weights"), shards)
    assert [each.class_weights for each in own] == [(pytest.approx(2 / 3), 2.0), (1.0, 1.0)]
    stated = ["balance.method=class_weights", "balance.public_counts=[3.0, 1.0]"]
    for each in balanced(plan_with(*stated), shards):
        assert each.class_weights == (pytest.approx(2 / 3), 2.0)
        assert each.touched == Touched()


def test_oversampled_rows_are_copies_and_the_ledger_goes_on():
    data = two_classes()
    shards = shards_of(data, list(range(100)))
    (each,) = balanced(plan_with("balance.method=oversample", "balance.most_times=4"), shards)
    assert each.touched == Touched(brought=4)
    assert counts_of(each.shard) == [90, 40]
    assert set(each.shard.rows.tolist()) == set(range(100))
    assert each.shard.fingerprint() == shards[0].fingerprint()
    assert counts_of(balanced(plan_with("balance.method=oversample"), shards)[0].shard) == [90, 90]


@needs_imblearn
def test_each_participants_synthetic_rows_are_its_own():
    data = two_classes()
    shards = shards_of(data, [*range(30), *range(90, 95)], [*range(30, 60), *range(95, 100)])
    one, other = balanced(plan_with("balance.method=smote"), shards)
    assert counts_of(one.shard) == counts_of(other.shard) == [30, 30]
    assert one.shard.data is other.shard.data and len(one.shard.data) == 150
    assert not set(one.shard.rows.tolist()) & set(other.shard.rows.tolist())
    assert torch.equal(one.shard.data.features[:100], data.features)
    assert one.shard.fingerprint() == shards[0].fingerprint()


def test_rows_between_neighbours_are_a_participants_own_and_so_is_the_line():
    data = two_classes()
    shards = shards_of(data, [*range(30), *range(90, 95)], [*range(30, 60), *range(95, 98)])
    plan = plan_with("balance.method=line_smote", "balance.most_times=4")
    one, other = balanced(plan, shards)
    assert counts_of(one.shard) == [30, 5 + 3 * 4] and counts_of(other.shard) == [30, 3 + 3 * 2]
    assert one.touched == other.touched == Touched(brought=7, taken=3)
    assert one.shard.fingerprint() == shards[0].fingerprint()
    (alone,) = balanced(plan, shards[:1])  # whoever else is there changes nothing
    assert torch.equal(alone.shard.tensors()[0], one.shard.tensors()[0])
    rare = data.features[90:95]
    new = one.shard.tensors()[0][35:]
    assert bool(((new >= rare.min(dim=0).values) & (new <= rare.max(dim=0).values)).all())


def test_public_counts_alone_decide_how_many_stand_between_two():
    shards = shards_of(two_classes(), [0, 1, 2, 90, 91], [3, 98])
    stated = plan_with("balance.method=line_smote", "balance.public_counts=[9.0, 3.0]")
    one, other = balanced(stated, shards)
    assert one.touched == other.touched == Touched(brought=5, taken=2)
    assert counts_of(one.shard) == [3, 2 + 2] and counts_of(other.shard) == [1, 1]


@needs_imblearn
def test_public_rows_are_nobodys_and_synthetic_rows_are_made_of_them_alone():
    data = two_classes()
    plan = plan_with(
        "balance.method=smote", "balance.public_rows=50", "balance.public_counts=[9.0, 1.0]"
    )
    dealt = rows_each(plan, data)
    held = torch.cat(dealt)
    assert len(held.unique()) == 50
    found = balanced(plan, [Shard(data, rows, Normalisation("none")) for rows in dealt])
    # 17 rows of which a tenth are expected to be rare, ninefold: 14 new ones; 16 rows: 13.
    assert [len(each.shard) for each in found] == [17 + 14, 17 + 14, 16 + 13]
    moved = data.features.clone()
    moved[held] += 100  # whoever holds something else gets the same synthetic rows
    other = Dataset("ward", moved, data.labels, data.class_names)
    again = balanced(plan, [Shard(other, rows, Normalisation("none")) for rows in dealt])
    for one, two in zip(found, again, strict=True):
        assert torch.equal(one.shard.data.features[100:], two.shard.data.features[100:])


def test_public_rows_come_from_those_that_class_rows_leave_over():
    data = two_classes()
    plan = plan_with("balance.class_rows=[40, 10]", "balance.public_rows=50")
    assert sum(len(rows) for rows in rows_each(plan, data)) == 50
    with pytest.raises(BadInput, match="public_rows must be at most 50, the rows of ward"):
        rows_each(plan_with("balance.class_rows=[40, 10]", "balance.public_rows=51"), data)


@pytest.mark.parametrize("key", ["class_rows", "public_counts"])
def test_numbers_for_other_classes_are_refused(key):
    with pytest.raises(BadInput, match=rf"balance.{key} must have one number for each of the 10"):
        build(plan_with(f"balance.{key}=[3, 4]", "balance.method=class_weights"))


def test_a_group_of_copies_takes_more_noise_and_the_same_epsilon():
    noise, epsilon = [], []
    oversampled = [RECORD, COUNTS, "balance.method=oversample", "partition.participants=1"]
    for most_times in (1, 4):
        built = build(plan_with(*oversampled, f"balance.most_times={most_times}"))
        participant = built.phases[0].participants[0]
        assert participant.cost is not None and participant.private is not None
        noise.append(participant.private.noise_multiplier)
        epsilon.append(costs_of(built).groups[0].total.rdp.epsilon)
    assert noise == sorted(noise) and noise[1] > 1.1 * noise[0]
    assert epsilon == pytest.approx([8.0] * 2, rel=0.01)


def test_a_group_of_touched_rows_takes_more_noise_and_the_same_epsilon():
    grown = [RECORD, COUNTS, "balance.method=line_smote", "partition.participants=1"]
    noise = []
    for most_times in (1, 2, 3):
        built = build(plan_with(*grown, f"balance.most_times={most_times}"))
        participant = built.phases[0].participants[0]
        assert participant.cost is not None and participant.private is not None
        (event,) = participant.cost
        if most_times > 1:
            assert isinstance(event, TouchedRowSteps)
            assert (event.most_brought, event.most_taken) == (2 * most_times - 1, most_times - 1)
        noise.append(participant.private.noise_multiplier)
        assert costs_of(built).groups[0].total.rdp.epsilon == pytest.approx(8.0, rel=0.01)
    assert 1.3 * noise[0] < noise[1] and 1.1 * noise[1] < noise[2]


def test_weights_take_no_more_noise_than_none():
    plain, weighted = (
        build(plan_with(RECORD, COUNTS, *more)).phases[0].participants[0]
        for more in ((), ("balance.method=class_weights",))
    )
    assert weighted.cost == plain.cost
    assert weighted.private is not None and len(weighted.private.class_weights) == 10
