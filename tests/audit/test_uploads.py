"""What one upload gives away: an input, labels, the list of members; and what it does not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from tithe.audit.first_layer import complete_input, correlations, count_exposed, row_ratios
from tithe.audit.label_counts import count_labels, label_of_one, mean_thought, share_miscounted
from tithe.audit.layer_places import first_linear, last_linear
from tithe.audit.member_list import RIDGES, Decoder, OpenDecoder, Rehearsal, choose_ridge
from tithe.audit.record_gradients import record_gradients
from tithe.audit.scores import Scores
from tithe.audit.separation import auc_with_spread
from tithe.audit.shadow_uploads import leak_of_turn, leak_so_far
from tithe.checks import BadInput
from tithe.learning.flat import read_vector, write_vector
from tithe.learning.local import LocalTraining, train_locally
from tithe.learning.models import build_model
from tithe.sharing.stages import Coins, keep_largest, keep_mask
from tithe.sharing.update import everything

NUM_CLASSES = 10


def pictures(num_rows, *, seed=1):
    """Sparse rows of 64 values that lean on their class, as pictures of digits do."""
    rng = torch.Generator().manual_seed(seed)
    labels = torch.randint(NUM_CLASSES, (num_rows,), generator=rng)
    kinds = torch.rand(NUM_CLASSES, 64, generator=torch.Generator().manual_seed(0))
    rows = 0.5 * kinds[labels] + torch.rand(num_rows, 64, generator=rng)
    return (rows * (rows > 0.8)).view(-1, 1, 8, 8), labels


def network():
    return build_model("digits-mlp", num_classes=NUM_CLASSES, seed=1)


def upload(rows, labels, *, share, batch_size=1, learning_rate=0.1, seed=1):
    """One local epoch from a fresh network, and what is shared of it."""
    module = network()
    before = read_vector(module)
    rng = torch.Generator().manual_seed(seed)
    train_locally(
        module, rows, labels, training=LocalTraining(batch_size=batch_size),
        learning_rate=learning_rate, rng=rng,
    )  # fmt: skip
    return share(everything(read_vector(module) - before), Coins(rng, rng))[0]


# ------------------------------------------------------------------ the first layer


def test_places_are_those_of_the_weights():
    module = network()
    first, last = first_linear(module), last_linear(module)
    vector = torch.arange(read_vector(module).numel()).float()
    write_vector(module, vector)
    assert module.linear1.weight.flatten()[0] == first.weight.start
    assert module.linear3.bias[-1] == last.bias.stop - 1 == len(vector) - 1
    assert (first.num_outputs, first.num_inputs, last.num_outputs) == (64, 64, 10)


def test_networks_that_hide_their_input_are_refused():
    with pytest.raises(BadInput, match="begins with conv1"):
        first_linear(build_model("digits-cnn", num_classes=10, seed=1))
    with pytest.raises(BadInput, match="ends with"):
        last_linear(nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4)))


@pytest.mark.parametrize("theta", [1.0, 0.3, 0.1])
def test_the_input_of_a_single_record_is_read_off_the_coordinates_sent(theta):
    rows, labels = pictures(1)
    update = upload(rows, labels, share=keep_largest(theta_u=theta))
    found = complete_input(update, first_linear(network()))
    alike = correlations(found.values[None], rows.flatten(1).double().numpy())[0, 0]
    assert alike > (0.999 if theta == 1 else 0.9)
    if theta == 1:
        np.testing.assert_allclose(found.values, rows.flatten(), atol=1e-3)
        assert found.covered == 1
    assert label_of_one(update, last_linear(network())) == int(labels[0])


def test_a_random_choice_of_coordinates_is_completed_where_it_reaches():
    rows, labels = pictures(1)
    place = first_linear(network())
    many = complete_input(upload(rows, labels, share=keep_mask(theta_u=0.3)), place)
    true = rows.flatten(1).double().numpy()
    assert correlations(many.values[None], true)[0, 0] > 0.99
    few = complete_input(upload(rows, labels, share=keep_mask(theta_u=0.005)), place)
    assert correlations(few.values[None], true)[0, 0] < 0.7
    assert few.covered < 0.5


def test_an_upload_without_the_first_layer_shows_nothing_and_breaks_nothing():
    rows, labels = pictures(1)
    update = upload(rows, labels, share=keep_largest(theta_u=1.0))
    found = complete_input(
        update.take(torch.arange(len(update) - 3, len(update))), first_linear(network())
    )
    assert not found.values.any() and found.covered == 0 and found.num_rows_with_bias == 0


def test_few_records_are_exposed_by_their_rows_and_strangers_are_not():
    rows, labels = pictures(4)
    strangers = pictures(4, seed=2)[0].flatten(1).double().numpy()
    place = first_linear(network())
    alone = row_ratios(upload(rows[:1], labels[:1], share=keep_largest(theta_u=1.0)), place)
    assert count_exposed(alone, rows[:1].flatten(1).double().numpy()) == 1
    assert count_exposed(alone, strangers) == 0
    assert count_exposed(alone[:0], strangers) == 0


def test_an_upload_of_another_network_is_refused():
    update = upload(*pictures(1), share=keep_largest(theta_u=1.0))
    with pytest.raises(BadInput, match="must belong together"):
        complete_input(update, first_linear(build_model("mnist-mlp", num_classes=10, seed=1)))


# ------------------------------------------------------------------ labels


@pytest.mark.parametrize("theta", [1.0, 0.01])
def test_the_histogram_of_a_skewed_participant_is_counted(theta):
    rows, labels = pictures(400)
    mine = torch.nonzero(labels < 3).flatten()[:90]
    public, theirs = pictures(300, seed=5)
    thought = mean_thought(
        functional.softmax(network()(public), dim=1).detach().double().numpy(),
        theirs.numpy(), num_classes=NUM_CLASSES,
    )  # fmt: skip
    update = upload(
        rows[mine], labels[mine], share=keep_largest(theta_u=theta), batch_size=30,
        learning_rate=0.02,
    )  # fmt: skip
    truth = np.bincount(labels[mine], minlength=NUM_CLASSES)
    found = count_labels(
        update, last_linear(network()), num_records=90, batch_size=30, learning_rate=0.02,
        thought=thought,
    )  # fmt: skip
    assert found.counts.sum() == pytest.approx(90)
    assert share_miscounted(found.counts, truth) < 0.1
    assert share_miscounted(np.full(10, 9.0), truth) > 0.6  # the control: a uniform guess


def test_what_was_not_sent_counts_as_small_where_the_largest_were_chosen():
    place = last_linear(network())
    size = place.bias.stop
    change = torch.zeros(size)
    bias = slice(place.bias.start, place.bias.stop)
    truth = np.array([30, 40, 8, 7, 5, 4, 3, 2, 1, 0])
    change[bias] = torch.from_numpy((truth - 10) / 1000).float()  # uniform thought, step 0.001
    update = keep_largest(theta_u=2 / size)(
        everything(change), Coins(torch.Generator(), torch.Generator())
    )[0]
    asked = {"num_records": 100, "batch_size": 1, "learning_rate": 0.001, "num_epochs": 1.0}
    wrong = {
        known: share_miscounted(
            count_labels(
                update, place, **asked, thought=np.full((10, 10), 0.1), chose_largest=known
            ).counts,
            truth,
        )
        for known in (False, True)
    }
    assert wrong[True] < 0.2 < wrong[False]


def test_a_class_without_public_records_is_refused():
    with pytest.raises(BadInput, match="none of 1 classes"):
        mean_thought(np.full((2, 3), 1 / 3), np.array([0, 1]), num_classes=3)


# ------------------------------------------------------------------ the list of members


def test_gradients_of_single_records_are_those_of_autograd():
    rows, labels = pictures(5)
    module = network()
    columns = torch.tensor([0, 7, 4100, 6000])
    found = record_gradients(module, rows, labels, columns=columns, chunk_rows=2)
    for row in range(5):
        loss = functional.cross_entropy(module(rows[row : row + 1]), labels[row : row + 1])
        whole = torch.cat(
            [g.flatten() for g in torch.autograd.grad(loss, list(module.parameters()))]
        )
        torch.testing.assert_close(found[row], whole[columns], rtol=1e-4, atol=1e-6)
    assert all(p.requires_grad for p in module.parameters())


def members_of_one_upload(*, theta, learning_rate, batch_size, seed=1):
    """Candidates, half of whom are behind an upload: decoder, values and truth."""
    rows, labels = pictures(80, seed=3)
    took_part = np.random.default_rng(seed).permutation(80) < 40
    own = torch.from_numpy(np.flatnonzero(took_part))
    update = upload(
        rows[own], labels[own], share=keep_largest(theta_u=theta), batch_size=batch_size,
        learning_rate=learning_rate, seed=seed,
    )  # fmt: skip
    gradients = record_gradients(network(), rows, labels, columns=update.indices)
    return Rehearsal(Decoder(gradients), update.values, took_part)


def auc(rehearsal, ridge):
    scores = rehearsal.decoder.scores(rehearsal.values, ridge=ridge)
    return auc_with_spread(Scores.split(scores, took_part=rehearsal.took_part))[0]


@pytest.mark.parametrize("theta", [1.0, 0.1])
def test_members_of_one_gradient_step_are_listed_exactly(theta):
    rehearsed = members_of_one_upload(theta=theta, learning_rate=0.1, batch_size=40, seed=2)
    ridge = choose_ridge([rehearsed])
    assert auc(members_of_one_upload(theta=theta, learning_rate=0.1, batch_size=40), ridge) > 0.99


def test_larger_steps_blur_the_list():
    small, large = (
        auc(members_of_one_upload(theta=0.1, learning_rate=rate, batch_size=4), 1e-3)
        for rate in (0.001, 1.0)
    )
    assert small > 0.95 > large


def test_one_candidate_and_a_public_sample_tell_less_but_something():
    rows, labels = pictures(16, seed=3)
    update = upload(rows[:8], labels[:8], share=keep_largest(theta_u=0.3), batch_size=8)
    public = record_gradients(network(), *pictures(150, seed=9), columns=update.indices)
    candidates = record_gradients(network(), rows, labels, columns=update.indices)
    scores = OpenDecoder(candidates, public).scores(update.values, ridge=1e-2)
    assert auc_with_spread(Scores(scores[:8], scores[8:]))[0] > 0.8


def test_the_open_observers_ridge_comes_from_a_rehearsal_too():
    rows, labels = pictures(16, seed=4)
    update = upload(rows[:8], labels[:8], share=keep_largest(theta_u=0.3), batch_size=8)
    decoder = OpenDecoder(
        record_gradients(network(), rows, labels, columns=update.indices),
        record_gradients(network(), *pictures(150, seed=9), columns=update.indices),
    )
    took_part = np.arange(16) < 8
    told = {
        ridge: auc_with_spread(
            Scores.split(decoder.scores(update.values, ridge=ridge), took_part=took_part)
        )[0]
        for ridge in RIDGES
    }
    chosen = choose_ridge([Rehearsal(decoder, update.values, took_part)])
    assert told[chosen] == max(told.values()) > min(told.values())


def test_the_open_world_score_is_what_the_dense_formula_gives():
    rng = torch.Generator().manual_seed(2)
    candidates, public = torch.randn(3, 6, generator=rng), torch.randn(9, 6, generator=rng)
    values = torch.randn(6, generator=rng)
    unit = lambda rows: (rows / rows.norm(dim=1, keepdim=True)).double()  # noqa: E731
    second = unit(public).T @ unit(public) / 9 + 0.1 * torch.eye(6, dtype=torch.float64)
    solved = torch.linalg.solve(second, unit(candidates).T)
    expected = -(solved.T @ values.double()) / (unit(candidates) * solved.T).sum(1).sqrt()
    found = OpenDecoder(candidates, public).scores(values, ridge=0.1)
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(BadInput, match="two candidates or more"):
        Decoder(torch.ones(1, 5))
    with pytest.raises(BadInput, match="values must have shape"):
        Decoder(torch.rand(3, 5)).scores(torch.ones(4), ridge=0.1)
    with pytest.raises(BadInput, match="must have 4 columns"):
        OpenDecoder(torch.ones(2, 5), torch.ones(2, 5)).scores(torch.ones(4), ridge=0.1)
    with pytest.raises(BadInput, match="same coordinates, got 5 and 4"):
        OpenDecoder(torch.ones(2, 5), torch.ones(2, 4))
    with pytest.raises(BadInput, match="at least one rehearsal"):
        choose_ridge([])


# ------------------------------------------------------------------ turn after turn


def test_what_uploads_tell_adds_up_over_turns():
    rows, labels = pictures(60, seed=3)
    took_part = np.random.default_rng(1).permutation(60) < 30
    share = keep_largest(theta_u=0.1)

    def rehearse(some, seed):
        return upload(
            rows[some], labels[some], share=share, batch_size=1, learning_rate=0.02, seed=seed
        )

    def tell(update):
        gradients = record_gradients(network(), rows, labels, columns=update.indices)
        return Decoder(gradients).scores(update.values, ridge=1e-2)

    turns = [
        leak_of_turn(
            rehearse(np.flatnonzero(took_part), 100 + turn), rehearse=rehearse, tell=tell,
            pool_size=60, count=4, seed=10 * turn,
        )
        for turn in range(2)
    ]  # fmt: skip
    first, both = leak_so_far(turns, took_part=took_part)
    assert first.auc > 0.6
    assert both.auc > first.auc - 0.05
    with pytest.raises(BadInput, match="must be even"):
        leak_of_turn(rehearse([0], 1), rehearse=rehearse, tell=tell, pool_size=60, count=3, seed=1)
    with pytest.raises(BadInput, match="nothing was sent yet"):
        leak_so_far([], took_part=took_part)
