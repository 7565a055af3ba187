"""Where random numbers come from: streams repeat for the same names, secure bits for nobody."""

from __future__ import annotations

import copy
import itertools
import os
import pickle
import warnings

import numpy as np
import pytest
import torch
from scipy.stats import chisquare, kstest

from tithe.randomness import SecureBits, SeededBits, stream

FALSE_ALARM = 1e-6
NAMES = {"seed": (1, 2), "purpose": ("batches", "mask"), "participant": (-1, 0, 1), "turn": (0, 11)}


def draws(seed, purpose, participant, turn, count=4):
    rng = stream(seed, purpose=purpose, participant=participant, turn=turn)
    return torch.rand(count, generator=rng, dtype=torch.float64)


def test_the_same_names_give_the_same_draws():
    assert torch.equal(draws(1, "batches", 3, 5), draws(1, "batches", 3, 5))


def test_every_name_matters():
    seen = {tuple(draws(*names).tolist()) for names in itertools.product(*NAMES.values())}
    assert len(seen) == 2 * 2 * 3 * 2


def test_names_do_not_run_into_each_other():
    assert not torch.equal(draws(1, "batches", 1, 11), draws(1, "batches", 11, 1))
    assert not torch.equal(draws(11, "a", 1, 1), draws(1, "a", 1, 1))


def test_asking_moves_nothing_global():
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    stream(1, purpose="batches")
    assert torch.equal(torch.rand(1), expected)


def test_first_draws_over_many_names_are_uniform_and_unrelated():
    first = np.array([float(draws(1, "x", p, 0, 1)[0]) for p in range(2000)])
    assert kstest(first, "uniform").pvalue > FALSE_ALARM
    assert kstest(first**1.3, "uniform").pvalue < FALSE_ALARM  # the test sees another law
    assert abs(np.corrcoef(first[:-1], first[1:])[0, 1]) < 5 / np.sqrt(2000)


def seeded(seed=1):
    return SeededBits(stream(seed, purpose="noise"))


def sources():
    return [seeded(), SecureBits()]


@pytest.mark.parametrize("bits", sources(), ids=lambda bits: type(bits).__name__)
@pytest.mark.parametrize("count", [0, 1, 2, 8191, 8192, 8193, 20_000])
def test_as_many_words_come_as_were_asked_for(bits, count):
    words = bits.words(count)
    assert words.dtype == np.uint64 and words.shape == (count,)


@pytest.mark.parametrize("bits", sources(), ids=lambda bits: type(bits).__name__)
def test_a_negative_count_is_refused(bits):
    with pytest.raises(ValueError, match="count must be finite and >= 0, got -1"):
        bits.words(-1)


@pytest.mark.parametrize("bits", sources(), ids=lambda bits: type(bits).__name__)
def test_every_byte_of_a_word_is_uniform(bits):
    words = bits.words(100_000)

    def smallest_pvalue(words):
        columns = words.view(np.uint8).reshape(-1, 8).T
        return 8 * min(chisquare(np.bincount(c, minlength=256)).pvalue for c in columns)

    assert smallest_pvalue(words) > FALSE_ALARM
    assert smallest_pvalue(words >> np.uint64(1)) < FALSE_ALARM  # 63 bits would be seen


@pytest.mark.parametrize("bits", sources(), ids=lambda bits: type(bits).__name__)
def test_words_do_not_repeat_from_one_call_to_the_next(bits):
    words = np.concatenate([bits.words(1000) for _ in range(20)])
    assert np.unique(words).size == words.size  # a chance repetition: 1e-11


def test_seeded_words_repeat_for_the_same_seed_and_for_no_other():
    assert np.array_equal(seeded().words(100), seeded().words(100))
    assert not np.isin(seeded(1).words(100), seeded(2).words(100)).any()


def test_two_secure_sources_never_agree():
    assert not np.isin(SecureBits().words(10_000), SecureBits().words(10_000)).any()


def test_seeding_everything_does_not_seed_secure_bits():
    def draw():
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002
        return SecureBits().words(100)

    assert not np.isin(draw(), draw()).any()


@pytest.fixture
def known_key(monkeypatch):
    """Lets the operating system hand out the key and counter of a published example."""
    entropy = {
        32: "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
        16: "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
    }
    monkeypatch.setattr(os, "urandom", lambda count: bytes.fromhex(entropy[count]))


@pytest.mark.usefixtures("known_key")
def test_secure_words_are_the_published_key_stream():
    # NIST SP 800-38A, F.5.5 CTR-AES256.Encrypt, block 1: key stream = plaintext XOR ciphertext.
    plaintext = int("6bc1bee22e409f96e93d7e117393172a", 16)
    ciphertext = int("601ec313775789a5b7a7f504bbf3d228", 16)
    assert SecureBits().words(2).tobytes() == (plaintext ^ ciphertext).to_bytes(16, "big")


@pytest.mark.usefixtures("known_key")
def test_the_position_in_the_key_stream_only_moves_forward():
    bits = SecureBits()
    pieces = [bits.words(count) for count in (1, 0, 8192, 3, 20_000)]
    assert np.array_equal(np.concatenate(pieces), SecureBits().words(28_196))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_secure_source_can_not_be_copied(copied):
    with pytest.raises(TypeError, match="must not be copied or pickled"):
        copied(SecureBits())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_takes_a_key_of_its_own():
    bits = SecureBits()
    bits.words(1)
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the child touches no other thread
        child = os.fork()
    if child == 0:
        try:
            os.write(writer, bits.words(100).tobytes())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    of_the_child = np.frombuffer(os.read(reader, 800), dtype=np.uint64)
    os.close(reader)
    assert of_the_child.size == 100
    assert not np.isin(of_the_child, bits.words(100)).any()
