"""What must hold between [balance] and the rest of a plan."""

from __future__ import annotations

import pytest

from tithe.plan import BadPlan, load_plan

RECORD = ["privacy.unit=record"]
PUBLIC = ["balance.public_counts=[3.0, 1.0]"]


def problems_of(*overrides):
    with pytest.raises(BadPlan) as caught:
        load_plan("", list(overrides))
    return caught.value.problems


@pytest.mark.parametrize("method", ["smote", "borderline_smote", "adasyn"])
def test_smote_on_private_rows_gets_no_epsilon_and_is_told_the_sound_ways(method):
    assert problems_of(*RECORD, *PUBLIC, f"balance.method={method}") == (
        (
            f'balance.method must not be "{method}" on private rows with privacy.unit = "record": '
            "a synthetic row is made of several people's rows, so that no epsilon for a record is "
            'true; weigh the loss before the bound (balance.method = "class_weights"), charge all '
            'copies of a row as one group ("oversample"), or all rows that it touches between '
            'neighbours on a line ("line_smote"), or make synthetic rows of public ones '
            "(balance.public_rows)"
        ),
    )


@pytest.mark.parametrize("method", ["class_weights", "oversample", "line_smote"])
def test_counts_of_private_rows_may_decide_nothing(method):
    (sentence,) = problems_of(*RECORD, f"balance.method={method}")
    assert sentence == (
        f'balance.public_counts must be given for balance.method = "{method}" with privacy.unit = '
        '"record": counts of private rows would let one record move all others'
    )


@pytest.mark.parametrize(
    "overrides",
    [
        [*RECORD, *PUBLIC, "balance.method=class_weights"],
        [*RECORD, *PUBLIC, "balance.method=oversample"],
        [*RECORD, "balance.class_rows=[30, 10]", "balance.method=oversample"],
        [*RECORD, *PUBLIC, "balance.method=smote", "balance.public_rows=50"],
        ["privacy.unit=participant", "balance.method=smote"],
        ["balance.method=adasyn"],
        [*RECORD, *PUBLIC, "balance.method=line_smote", "balance.most_times=3"],
        ["privacy.unit=participant", "privacy.sampling=poisson", "balance.method=line_smote"],
        ["balance.method=line_smote"],
        [*RECORD, "balance.class_rows=[30, 10]"],
    ],
    ids=" ".join,
)
def test_sound_ways_are_let_through(overrides):
    assert load_plan("", overrides).idle_keys() == []


def test_everything_wrong_is_said_at_once():
    found = problems_of(
        *RECORD,
        "privacy.microbatch=4",
        "balance.method=oversample",
        "balance.class_rows=[0, 0, 0]",
        "balance.public_counts=[1.0, 2.0]",
    )
    assert found == (
        "balance.class_rows must keep at least one row, got 0 of every class",
        (
            "balance.class_rows and balance.public_counts must have one number a class each, "
            "got 3 and 2"
        ),
        (
            'privacy.microbatch must be 1 with balance.method = "oversample", got 4: copies of a '
            "row would share bounds with other rows"
        ),
    )


def test_rows_between_neighbours_need_batches_and_bounds_of_their_own():
    found = problems_of(
        *RECORD,
        *PUBLIC,
        "balance.method=line_smote",
        "privacy.microbatch=2",
        "privacy.sampling=shuffle",
        "data.features=scattering",
    )
    assert found == (
        (
            'privacy.microbatch must be 1 with balance.method = "line_smote", got 2: rows made of '
            "a row would share bounds with other rows"
        ),
        (
            'privacy.sampling must be "poisson" with balance.method = "line_smote", got "shuffle": '
            "a record that comes changes how many rows there are, which would move others into "
            "other batches"
        ),
        (
            'data.features must be "pixels" with balance.method = "line_smote" and privacy.unit = '
            '"record", got "scattering": these are computed for many rows at once, and a '
            "difference in the last bit can change which rows are neighbours"
        ),
    )


def test_texts_need_a_named_network_and_no_rows_between_words():
    assert problems_of("data.set=sst2", "balance.method=smote") == (
        (
            'model.name must be "text-bag", "text-linear", "text-transformer" or a function of '
            'yours for data.set = "sst2", got "auto"'
        ),
        (
            'balance.method must be "class_weights" or "oversample" for data.set = "sst2", got '
            '"smote": between two words there is nothing'
        ),
    )


def test_neighbours_on_a_line_are_two_and_no_public_rows_are_asked_for():
    plan = load_plan(
        "", ["balance.method=line_smote", "balance.neighbours=2", "balance.public_rows=9"]
    )
    assert plan.idle_keys() == [
        f'balance.{key} does nothing with balance.method = "line_smote"'
        for key in ("neighbours", "public_rows")
    ]
    (sentence,) = problems_of("data.set=sst2", "model.name=text-bag", "balance.method=line_smote")
    assert sentence.endswith('got "line_smote": between two words there is nothing')


def test_keys_that_do_nothing_are_told():
    plan = load_plan(
        "", ["balance.most_times=3", "balance.neighbours=2", "balance.public_rows=9", *PUBLIC]
    )
    assert plan.idle_keys() == [
        f'balance.{key} does nothing with balance.method = "none"'
        for key in ("public_counts", "most_times", "neighbours", "public_rows")
    ]


def test_weights_before_an_automatic_clip_are_told_to_do_nothing():
    plan = load_plan(
        "", [*RECORD, *PUBLIC, "balance.method=class_weights", "privacy.clipping=automatic"]
    )
    (sentence,) = plan.idle_keys()
    assert 'does next to nothing with privacy.clipping = "automatic"' in sentence
