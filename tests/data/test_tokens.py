"""Words become numbers by a vocabulary that nobody's text decides."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from tithe.data.tokens import LENGTH, PADDING, VOCABULARY, token_number, token_rows, words_of

FALSE_ALARM = 1e-6


def test_words_and_signs_are_told_apart():
    assert words_of("Free entry!! Don't wait, it's 10 p.m.") == [
        *("free", "entry", "!", "!", "don't", "wait", ",", "it's", "10", "p", ".", "m", ".")
    ]


@pytest.mark.parametrize(("word", "number"), [("free", 5677), ("the", 5313), ("!", 1619)])
def test_a_words_number_never_changes(word, number):
    # Golden values of this very hash: a stored network knows words by these numbers alone.
    assert token_number(word) == number


@given(st.lists(st.text(max_size=80), max_size=6))
def test_every_row_is_one_texts_own(texts):
    rows = token_rows(texts)
    assert rows.shape == (len(texts), LENGTH) and rows.dtype == torch.int64
    assert bool(((rows >= 0) & (rows < VOCABULARY)).all())
    for text, row in zip(texts, rows, strict=True):
        assert torch.equal(token_rows([text])[0], row)
        num_words = min(len(words_of(text)), LENGTH)
        assert bool((row[:num_words] != PADDING).all())
        assert bool((row[num_words:] == PADDING).all())


def test_long_texts_are_cut_off():
    assert torch.equal(token_rows(["a b c d"], length=2), token_rows(["a b"], length=2))


def test_numbers_are_spread_evenly():
    counts = torch.zeros(16, dtype=torch.int64)
    for number in range(16_000):
        counts[(token_number(f"word{number}") - 1) * 16 // (VOCABULARY - 1)] += 1
    assert chisquare(counts.numpy()).pvalue > FALSE_ALARM
