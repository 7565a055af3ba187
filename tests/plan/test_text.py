"""Plans as text: TOML in, ``--set``, TOML out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tithe.plan import BadPlan, load_plan
from tithe.plan.text import apply_overrides, value_of


@given(st.text())
def test_any_text_stands_for_some_value(text):
    value_of(text)


@given(st.integers() | st.floats(allow_nan=False) | st.booleans())
def test_a_number_stands_for_itself(value):
    assert value_of(str(value).lower()) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.1", 0.1),
        ("mnist-cnn", "mnist-cnn"),
        ('"mnist-cnn"', "mnist-cnn"),
        ("npz:a=b.npz", "npz:a=b.npz"),
        ("[1, 2]", [1, 2]),
        ("{a = 1}", {"a": 1}),
        ("2024-01-31", "2024-01-31"),
        ("1\nx = 2", "1\nx = 2"),
        ("", ""),
    ],
)
def test_values_are_toml_or_else_text(text, value):
    assert value_of(text) == value


def test_overrides_set_keys_in_order():
    table = {"sharing": {"theta_u": 0.1, "tau": 0.5}}
    unusable = apply_overrides(table, ["sharing.theta_u=0.2", "sharing.theta_u=0.3", "seed=4"])
    assert unusable == []
    assert table == {"sharing": {"theta_u": 0.3, "tau": 0.5}, "seed": 4}


@pytest.mark.parametrize("override", ["sharing.theta_u", "=1", "sharing.=1", ".x=1"])
def test_an_override_without_key_or_value_is_refused(override):
    assert apply_overrides({}, [override]) == [
        f'--set must look like sharing.theta_u=0.1, got "{override}"'
    ]


def test_an_override_below_a_plain_key_is_refused():
    table = {"name": "x"}
    assert apply_overrides(table, ["name.y=1"]) == [
        '--set must name a key of a section, got "name.y"'
    ]
    assert table == {"name": "x"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "[sharing]\nselection = largest",
            (
                "the plan must be TOML: line 2, `selection = largest`: Invalid value; "
                'text takes quotes: "largest"'
            ),
        ),
        ("seed =", "the plan must be TOML: line 1, `seed =`: Invalid value"),
    ],
)
def test_a_syntax_error_shows_the_line(text, sentence):
    with pytest.raises(BadPlan) as caught:
        load_plan(text)
    assert caught.value.problems == (sentence,)


def test_a_missing_file_names_its_neighbour(tmp_path):
    (tmp_path / "mnist.toml").write_text("")
    with pytest.raises(BadPlan) as caught:
        load_plan(tmp_path / "mnits.toml")
    assert caught.value.problems == (
        f"there is no plan {tmp_path / 'mnits.toml'}; did you mean {tmp_path / 'mnist.toml'}?",
    )


def test_what_is_no_text_file_is_refused(tmp_path):
    with pytest.raises(BadPlan, match="must be a plan file, got a folder"):
        load_plan(tmp_path)
    (tmp_path / "plan.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadPlan, match="must be UTF-8 text"):
        load_plan(tmp_path / "plan.toml")


def test_a_path_may_be_a_string(tmp_path):
    (tmp_path / "p.toml").write_text("seed = 7")
    assert load_plan(str(tmp_path / "p.toml")).seed == 7
