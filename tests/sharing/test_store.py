"""The store: sums, counts, downloads."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import chisquare

from tithe.sharing.store import Store
from tithe.sharing.update import MalformedUpdate, SparseUpdate, everything

FALSE_ALARM = 1e-6


def update(indices, values, size=4):
    return SparseUpdate(torch.tensor(indices, dtype=torch.int64), torch.tensor(values), size)


def test_an_update_is_added_and_counted():
    store = Store(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    store.add(update([0, 2], [0.5, -1.0]))
    store.add(update([2], [0.25]))
    assert store.vector.tolist() == [1.5, 2.0, 2.25, 4.0]
    assert store.counts.tolist() == [1, 0, 2, 0]


def test_the_initial_vector_is_copied():
    initial = torch.zeros(4)
    Store(initial).add(update([0], [1.0]))
    assert initial.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    "bad",
    [
        update([0], [1.0], size=5),
        update([4], [1.0]),
        update([-1], [1.0]),
        update([1, 0], [1.0, 1.0]),
        update([1, 1], [1.0, 1.0]),
        update([0], [float("nan")]),
        update([0], [float("inf")]),
        update([0, 1], [1.0]),
        SparseUpdate(torch.tensor([0], dtype=torch.int32), torch.tensor([1.0]), 4),
        SparseUpdate(torch.tensor([0]), torch.tensor([1.0], dtype=torch.float64), 4),
    ],
)
def test_a_malformed_update_is_refused_whole(bad):
    store = Store(torch.zeros(4))
    with pytest.raises(MalformedUpdate):
        store.add(bad)
    assert store.vector.tolist() == [0, 0, 0, 0]
    assert store.counts.tolist() == [0, 0, 0, 0]
    assert store.version == 0


def test_download_takes_the_most_updated(rng):
    store = Store(torch.arange(4.0))
    for indices in ([3], [1, 3], [1, 2, 3]):
        store.add(update(indices, [0.0] * len(indices)))
    assert store.most_updated(theta_d=0.5, rng=rng).indices.tolist() == [1, 3]
    whole = store.most_updated(theta_d=1.0, rng=rng)
    assert torch.equal(whole.dense(), store.vector)


def test_ties_are_broken_fairly_and_the_test_sees_unfairness(rng):
    store = Store(torch.zeros(8))
    store.add(update([5], [1.0], size=8))
    hits = torch.zeros(8)
    for _ in range(3000):
        hits[store.most_updated(theta_d=0.5, rng=rng).indices] += 1
    assert hits[5] == 3000  # counted more often than all others
    tied = hits[[0, 1, 2, 3, 4, 6, 7]]
    assert chisquare(tied).pvalue > FALSE_ALARM
    assert chisquare(tied, [1800, 1200, 1200, 1200, 1200, 1200, 1200]).pvalue < FALSE_ALARM


def test_decay_weighs_recent_updates_more(rng):
    store = Store(torch.zeros(4))
    for _ in range(3):
        store.add(update([0], [1.0]))
    store.decay_counts(beta=0.25)
    store.add(update([1], [1.0]))
    assert store.counts.tolist() == [0.75, 1.0, 0.0, 0.0]
    assert store.most_updated(theta_d=0.25, rng=rng).indices.tolist() == [1]


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_what_changed_since_then_gives_todays_vector_exactly(momentum, rng):
    store = Store(torch.randn(50, generator=rng), momentum=momentum)
    copy, version = torch.zeros(50), -1
    for turn in range(20):
        indices = torch.randperm(50, generator=rng)[:5].sort().values
        store.add(SparseUpdate(indices, torch.randn(5, generator=rng), 50))
        if turn % 3 == 0:
            changed = store.changed_since(version)
            copy[changed.indices] = changed.values
            version = store.version
            assert torch.equal(copy, store.vector)
    assert momentum or len(store.changed_since(store.version - 1)) == 5


def test_learning_rate_and_momentum_by_hand():
    # velocity 1 -> 0.5 * 1 + 1 = 1.5 -> 0.75; every step adds the velocity, in halves of 1
    store = Store(torch.zeros(2), learning_rate=0.5, momentum=0.5)
    store.add(update([0], [1.0], size=2))
    store.add(update([0], [1.0], size=2))
    store.add(update([1], [2.0], size=2))
    assert store.vector.tolist() == [0.5 + 0.75 + 0.375, 1.0]


def test_the_average_by_hand_and_training_goes_on_from_the_last():
    store = Store(torch.zeros(1), average_over=2)
    seen = []
    for _ in range(3):
        store.add(update([0], [4.0], size=1))
        seen.append(float(store.joint))
    # 4; (4 + 8) / 2 = 6; (6 + 12) / 2 = 9
    assert seen == [4.0, 6.0, 9.0]
    assert float(store.vector) == 12.0


def test_the_mean_of_updates_is_one_step():
    store = Store(torch.zeros(4))
    store.add_mean([update([0, 1], [1.0, 2.0]), update([1], [4.0])])
    assert store.vector.tolist() == [0.5, 3.0, 0.0, 0.0]
    assert store.counts.tolist() == [1, 2, 0, 0]
    assert store.version == 1


def test_a_restored_store_goes_on_bit_for_bit(rng):
    one = Store(torch.randn(10, generator=rng), momentum=0.3, average_over=3)
    one.add(everything(torch.randn(10, generator=rng)))
    other = Store(torch.zeros(10), momentum=0.3, average_over=3)
    other.restore(one.state())
    for store in (one, other):
        store.add(update([2, 7], [0.125, 3.0], size=10))
    for name, tensor in one.state().items():
        assert torch.equal(tensor, other.state()[name]), name


@pytest.mark.parametrize("options", [{"learning_rate": 0.0}, {"momentum": 1.0}, {"momentum": -0.1}])
def test_wrong_options_are_refused(options):
    with pytest.raises(ValueError, match="must be"):
        Store(torch.zeros(2), **options)


def test_an_initial_vector_with_nan_is_refused():
    with pytest.raises(ValueError, match="vector must be finite"):
        Store(torch.tensor([0.0, float("nan")]))
