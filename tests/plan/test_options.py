"""Free tables that nobody can change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tithe.plan.options import Options, plain

scalars = st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
tables = st.dictionaries(
    st.text(),
    st.recursive(
        scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5
    ),
)


@given(tables)
def test_options_equal_the_table_they_were_made_of(table):
    options = Options(table)
    assert options == table
    assert plain(options) == table
    assert hash(options) == hash(Options(dict(reversed(table.items()))))


def test_options_cannot_be_changed():
    options = Options({"a": [1]})
    with pytest.raises(TypeError):
        options["a"] = 2
    assert options["a"] == (1,)


def test_what_toml_cannot_hold_is_refused():
    with pytest.raises(ValueError, match="a plan cannot hold a NoneType"):
        Options({"a": None})
    with pytest.raises(ValueError, match="keys must be text"):
        Options({"a": {1: 2}})


def test_options_differ_from_other_things():
    assert Options(a=1) != Options(a=2)
    assert Options() != 3
    assert repr(Options(a=1)) == "Options({'a': 1})"
