"""DP-SGD: its limits, its batches, its noise, and what a broken record does to it."""

from __future__ import annotations

import copy
import math

import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from tests.learning.per_example.networks import CentredOnBatch, naive_gradients
from tithe.learning.dp_sgd import PrivateTraining, train_privately
from tithe.learning.flat import read_vector
from tithe.learning.local import DivergedTraining
from tithe.learning.models import build_model
from tithe.learning.per_example.checks import MixedExamples
from tithe.learning.private_batches import draw_batches

FALSE_ALARM = 1e-6


def stream(seed):
    return torch.Generator().manual_seed(seed)


def data(num_rows=40, *, seed=1):
    x = torch.randn(num_rows, 4, generator=stream(seed))
    return x, x[:, :3].argmax(dim=1)


def network(*, dropout=0.0):
    torch.manual_seed(7)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 3))


def no_noise(count):
    raise AssertionError("no noise was asked for")


def options(**given_options):
    usual = {"batch_size": 10, "num_steps": 6, "noise_multiplier": 1.0, "l2_norm_bound": 0.5}
    return PrivateTraining(**{**usual, **given_options})


def train(module, x, y, *, seed=0, learning_rate=0.1, normal=None, **others):
    noise = stream(seed + 1000)
    others.setdefault("training", options())
    return train_privately(
        module,
        x,
        y,
        learning_rate=learning_rate,
        rng=stream(seed),
        normal=normal or (lambda count: torch.randn(count, generator=noise)),
        **others,
    )


# ------------------------------------------------------------------------------------ its limits


@pytest.mark.parametrize("sampling", ["poisson", "shuffle"])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
@pytest.mark.parametrize("chunk_rows", [512, 3])
def test_without_bound_and_noise_it_is_plain_sgd(sampling, momentum, weight_decay, chunk_rows):
    x, y = data()
    private, plain = network(), network()
    training = options(
        noise_multiplier=0.0,
        l2_norm_bound=math.inf,
        sampling=sampling,
        momentum=momentum,
        weight_decay=weight_decay,
        chunk_rows=chunk_rows,
    )
    uniforms = stream(3)
    train(
        private,
        x,
        y,
        training=training,
        normal=no_noise,
        uniforms=lambda count: torch.rand(count, generator=uniforms, dtype=torch.float64),
    )
    uniforms = stream(3)
    optimizer = torch.optim.SGD(
        plain.parameters(), lr=0.1, momentum=momentum, weight_decay=weight_decay
    )
    for rows in draw_batches(
        40,
        batch_size=10,
        num_steps=6,
        sampling=sampling,
        uniforms=lambda count: torch.rand(count, generator=uniforms, dtype=torch.float64),
    ):
        optimizer.zero_grad()
        (functional.cross_entropy(plain(x[rows]), y[rows], reduction="sum") / 10).backward()
        optimizer.step()
    torch.testing.assert_close(read_vector(private), read_vector(plain), rtol=1e-6, atol=1e-6)


def test_a_channels_last_network_is_trained_like_any_other():
    x = torch.randn(12, 1, 32, 32, generator=stream(0))
    y = torch.arange(12) % 10
    module = build_model("mnist-cnn", num_classes=10, seed=1)
    layout = module.conv2.weight.stride()
    plain = copy.deepcopy(module)
    training = options(
        batch_size=12,
        num_steps=2,
        noise_multiplier=0.0,
        l2_norm_bound=math.inf,
        sampling="shuffle",
    )
    train(module, x, y, training=training)
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        functional.cross_entropy(plain(x), y).backward()
        optimizer.step()
    torch.testing.assert_close(read_vector(module), read_vector(plain), rtol=1e-5, atol=1e-6)
    assert module.conv2.weight.stride() == layout
    assert all(p.requires_grad and p.grad is None for p in module.parameters())


def test_noise_alone_when_every_batch_is_empty():
    x, y = data()
    module = network()
    before = read_vector(module)
    outcome = train(
        module,
        x,
        y,
        training=options(num_steps=1, noise_multiplier=3.0),
        normal=torch.ones,
        uniforms=lambda count: torch.ones(count, dtype=torch.float64),  # never below the rate
    )
    # learning rate * noise multiplier * bound / expected batch, upon every coordinate alike
    moved = before - read_vector(module)
    torch.testing.assert_close(moved, torch.full_like(moved, 0.1 * 3.0 * 0.5 / 10))
    assert math.isnan(outcome.mean_loss) and outcome.signal_norm == 0


# ------------------------------------------------------------------------------ bound and noise


@settings(max_examples=25)
@given(
    st.integers(0, 2**31),
    st.floats(1e-3, 1e2),
    st.floats(1e-3, 1e6),
    st.sampled_from(["flat", "automatic"]),
)
def test_one_record_more_moves_the_sum_by_at_most_the_bound(seed, bound, size, clipping):
    x, y = data(5, seed=seed)
    x[4] *= size
    training = options(
        batch_size=4,
        num_steps=1,
        noise_multiplier=0.0,
        l2_norm_bound=bound,
        clipping=clipping,
    )
    vectors = []
    for takes_last in (False, True):
        module = network().double()
        chosen = torch.tensor([0.0, 0.0, 0.0, 0.0, 0.0 if takes_last else 1.0]).double()
        train(
            module,
            x.double(),
            y,
            training=training,
            learning_rate=4.0,  # undoes the division by the expected batch
            uniforms=lambda count, chosen=chosen: chosen,
        )
        parameters = [p.detach().flatten() for p in module.parameters()]
        vectors.append(torch.cat(parameters))
    assert float((vectors[0] - vectors[1]).norm()) <= bound * (1 + 1e-9)


def test_the_step_by_hand():
    x, y = data(8)
    module = network()
    each = naive_gradients(module, x, y)
    bound = 0.3
    clipped = each * (bound / each.norm(dim=1)).clamp(max=1).unsqueeze(1)
    noise = torch.randn(each.shape[1], generator=stream(9))
    expected = read_vector(module) - 0.1 * (clipped.sum(0) + 2.0 * bound * noise) / 8
    training = options(
        batch_size=8,
        num_steps=1,
        noise_multiplier=2.0,
        l2_norm_bound=bound,
        sampling="shuffle",
    )
    outcome = train(module, x, y, training=training, normal=lambda count: noise[:count].clone())
    torch.testing.assert_close(read_vector(module), expected, rtol=1e-5, atol=1e-6)
    assert outcome.clipped_fraction == pytest.approx(float((each.norm(dim=1) > bound).sum()) / 8)
    assert outcome.signal_norm == pytest.approx(float(clipped.sum(0).norm()) / 8, rel=1e-5)
    assert outcome.noise_norm == pytest.approx(2.0 * bound * math.sqrt(each.shape[1]) / 8)
    plain_loss = functional.cross_entropy(network()(x), y).detach()
    assert outcome.mean_loss == pytest.approx(float(plain_loss), rel=1e-5)


def test_the_noise_on_the_parameters_follows_its_law():
    x, y = data(20)
    module = nn.Linear(4, 5000)
    before = read_vector(module)
    training = options(num_steps=1, noise_multiplier=1.5, l2_norm_bound=1e-6, batch_size=5)
    train(module, x, y, training=training, learning_rate=1e6)
    moved = (before - read_vector(module)).double().numpy()
    stddev = 1e6 * 1.5 * 1e-6 / 5
    right, wrong = (scipy.stats.norm(scale=s).cdf for s in (stddev, 1.1 * stddev))
    assert scipy.stats.kstest(moved, right).pvalue > FALSE_ALARM
    assert scipy.stats.kstest(moved, wrong).pvalue < FALSE_ALARM


@pytest.mark.parametrize("augmentations", [1, 4])
@pytest.mark.parametrize("microbatch", [1, 2])
def test_the_mean_gradient_of_copies_and_microbatches_shares_one_clip(augmentations, microbatch):
    x, y = data(7)  # the last microbatch lacks a row
    copies, factors = [], stream(5)

    def varied(rows, rng):
        copies.append(rows * (1 + 0.1 * torch.rand(rows.shape, generator=factors)))
        return copies[-1]

    module, bound = network(), 0.3
    training = options(
        batch_size=6,
        num_steps=1,
        noise_multiplier=0.0,
        l2_norm_bound=bound,
        microbatch=microbatch,
    )
    before = read_vector(module)
    outcome = train(
        module,
        x,
        y,
        training=training,
        augment=varied,
        augmentations=augmentations,
        uniforms=lambda count: torch.zeros(count, dtype=torch.float64),  # all rows
    )
    group = augmentations * microbatch
    num_examples = math.ceil(7 / microbatch)
    rows = (torch.arange(num_examples * microbatch) % 8).repeat_interleave(augmentations)
    lacks = rows > 6
    labels = y[torch.where(lacks, rows - rows % microbatch, rows)]
    each = naive_gradients(network(), torch.cat(copies), labels)
    each[lacks] = 0
    means = each.view(num_examples, group, -1).mean(dim=1)
    clipped = means * (bound / means.norm(dim=1)).clamp(max=1).unsqueeze(1)
    expected = before - 0.1 * clipped.sum(0) / (6 / microbatch)
    torch.testing.assert_close(read_vector(module), expected, rtol=1e-5, atol=1e-6)
    assert outcome.num_left_out == 0


# ------------------------------------------------------------------------------- broken records


@pytest.mark.parametrize("broken", [math.nan, math.inf, 1e30])
@pytest.mark.parametrize("clipping", ["flat", "automatic"])
def test_a_broken_record_poisons_nothing(broken, clipping):
    x, y = data()
    x[3] = broken
    module = network()
    training = options(clipping=clipping, num_steps=30)
    outcome = train(module, x, y, training=training)
    assert read_vector(module).isfinite().all()
    assert math.isfinite(outcome.mean_loss)
    if not math.isfinite(broken):
        assert outcome.num_left_out > 0
        x[3] = 0.0
        assert train(network(), x, y, training=training).num_left_out == 0


def test_a_broken_record_adds_exactly_nothing():
    x, y = data(8)
    vectors = []
    for takes in (True, False):
        module = network()
        some = x.clone()
        some[3] = math.nan
        chosen = torch.zeros(8, dtype=torch.float64)
        chosen[3] = 0.0 if takes else 1.0
        training = options(batch_size=4, num_steps=1)
        train(module, some, y, training=training, uniforms=lambda count, chosen=chosen: chosen)
        vectors.append(read_vector(module))
    torch.testing.assert_close(vectors[0], vectors[1], rtol=1e-6, atol=1e-7)


def test_parameters_that_are_no_numbers_stop_the_training():
    x, y = data()
    with pytest.raises(DivergedTraining):
        train(network(), x, y, learning_rate=1e38, training=options(noise_multiplier=100.0))


# -------------------------------------------------------------------------------------- batches


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 8))
def test_every_pass_of_a_shuffle_sees_every_row_once(num_rows, batch_size, num_passes):
    per_pass = math.ceil(num_rows / batch_size)
    rng = stream(0)
    seen = list(
        draw_batches(
            num_rows,
            batch_size=batch_size,
            num_steps=per_pass * num_passes,
            sampling="shuffle",
            uniforms=lambda count: torch.rand(count, generator=rng, dtype=torch.float64),
        )
    )
    for start in range(0, len(seen), per_pass):
        rows = torch.cat(seen[start : start + per_pass])
        assert rows.sort().values.tolist() == list(range(num_rows))


def test_poisson_batches_follow_their_law(rng):
    num_rows, num_steps = 30, 4000
    seen = torch.zeros(num_steps, num_rows)
    for step, rows in enumerate(
        draw_batches(
            num_rows,
            batch_size=6,
            num_steps=num_steps,
            sampling="poisson",
            uniforms=lambda count: torch.rand(count, generator=rng, dtype=torch.float64),
        )
    ):
        seen[step, rows] = 1

    def fits(sizes, rate):
        counts = torch.bincount(sizes.long(), minlength=num_rows + 1).double()
        law = scipy.stats.binom(num_rows, rate).pmf(range(num_rows + 1)) * num_steps
        middle = law >= 5
        expected = [*law[middle], law[~middle].sum()]
        observed = [
            *counts[torch.tensor(middle)].tolist(),
            float(counts[torch.tensor(~middle)].sum()),
        ]
        return scipy.stats.chisquare(observed, expected).pvalue

    assert fits(seen.sum(dim=1), 6 / 30) > FALSE_ALARM  # independent rows: a binomial batch size
    assert fits(seen.sum(dim=1), 7 / 30) < FALSE_ALARM
    per_row = scipy.stats.binom(num_steps, 6 / 30)
    for count in seen.sum(dim=0).tolist():
        assert min(per_row.cdf(count), per_row.sf(count - 1)) > FALSE_ALARM / (2 * num_rows)


def test_the_rate_that_an_accountant_is_told():
    assert options(batch_size=10).sampling_rate(40) == 0.25
    assert options(batch_size=10, microbatch=2).sampling_rate(41) == pytest.approx(5 / 21)
    with pytest.raises(ValueError, match="at most the number of rows 9, got 10"):
        options(batch_size=10).sampling_rate(9)


def test_the_sensitivity_that_an_accountant_is_told():
    single, micro = options(), options(microbatch=2)
    assert [single.l2_sensitivity(r) for r in ("add_or_remove", "zero_out", "replace")] == [
        0.5,
        0.5,
        1.0,
    ]
    assert [micro.l2_sensitivity(r) for r in ("zero_out", "replace")] == [1.0, 1.0]
    with pytest.raises(ValueError, match="regroups"):
        micro.l2_sensitivity("add_or_remove")


# ------------------------------------------------------------------------- repeating and refusing


def test_training_repeats_itself_for_the_same_streams_even_with_dropout():
    x, y = data()
    vectors = []
    for seed in (0, 0, 1):
        module = network(dropout=0.5)
        torch.manual_seed(seed + len(vectors))  # the global stream must not matter
        train(module, x, y, seed=seed)
        vectors.append(read_vector(module))
    assert torch.equal(vectors[0], vectors[1])
    assert not torch.equal(vectors[0], vectors[2])


def test_the_global_stream_is_left_where_it_was():
    x, y = data()
    torch.manual_seed(3)
    expected = torch.rand(2)
    module = network(dropout=0.5)
    torch.manual_seed(3)
    train(module, x, y)
    assert torch.equal(torch.rand(2), expected)


def test_it_learns_in_spite_of_the_noise():
    x, y = data(400)
    module = network()
    training = options(batch_size=100, num_steps=80, l2_norm_bound=1.0, momentum=0.5)
    train(module, x, y, training=training, learning_rate=1.0)
    assert float((module(x).argmax(dim=1) == y).double().mean()) > 0.9


def test_a_module_that_mixes_examples_is_not_trained():
    x, y = torch.randn(20, 5), torch.zeros(20, dtype=torch.int64)
    module = CentredOnBatch()
    before = read_vector(module)
    with pytest.raises(MixedExamples):
        train(module, x, y)
    assert torch.equal(read_vector(module), before)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"batch_size": 0}, "batch_size"),
        ({"num_steps": 0}, "num_steps"),
        ({"noise_multiplier": -1.0}, "noise_multiplier"),
        ({"noise_multiplier": math.nan}, "noise_multiplier"),
        ({"l2_norm_bound": 0.0}, "l2_norm_bound"),
        ({"l2_norm_bound": math.inf}, "l2_norm_bound"),  # with noise
        ({"batch_size": 9, "microbatch": 2}, "multiple of microbatch 2"),
    ],
)
def test_wrong_options_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        options(**wrong)


def test_copies_without_augmentation_are_refused():
    x, y = data()
    with pytest.raises(ValueError, match="augmentations"):
        train(network(), x, y, augmentations=2)
