"""The low-order digits of floating-point noise give the truth away; those of ours do not.

The attacker knows the mechanism and the scale. Whatever value she sees released, she asks which
truths could have led to it. A float sampler reaches only some floats, and which ones depends on the
truth, so that the answer is often: this one truth, certainly (Mironov 2012).
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import chi2_contingency

from tithe.privacy.noise import laplace
from tithe.privacy.release import release_with_gaussian, release_with_laplace
from tithe.randomness import SeededBits

FALSE_ALARM = 1e-6
COUNT = 100_000
TRUTHS = [0.001, 1.0]
SCALE = 10.0
MAKERS = {  # each releases these truths with noise of ten bounds, in float64 to keep every digit
    "laplace": lambda truths, bits: release_with_laplace(
        truths, gamma=1.0, scale_in_gamma=SCALE, bits=bits
    ),
    "gaussian": lambda truths, bits: release_with_gaussian(
        truths[:, None], l2_norm_bound=1.0, noise_multiplier=SCALE, bits=bits
    )[:, 0],
}


def torch_laplace_support(*, scale):
    """Every value that torch's float32 Laplace sampler can give around zero, ascending.

    It maps one of 2^24 uniforms; so do we, with the same arithmetic.
    """
    smallest = torch.finfo(torch.float32).eps - 1
    uniforms = torch.arange(2**24, dtype=torch.float64) * 2.0**-24
    uniforms = uniforms.mul_(1 - smallest).add_(smallest).float()  # rounded once, as fused
    logs = torch.log1p(-uniforms.abs())
    return np.sort((-scale * uniforms.sign_() * logs).numpy())


def share_reachable(released, support):
    """The fraction of the released values that the support contains."""
    position = np.searchsorted(support, released).clip(max=support.size - 1)
    return (support[position] == released).mean()


@pytest.fixture(scope="module")
def support_of_zero():
    return torch_laplace_support(scale=SCALE)


def test_the_attack_knows_all_that_the_float_sampler_can_give(support_of_zero):
    torch.manual_seed(1)
    released = torch.distributions.Laplace(0.0, SCALE).sample((COUNT,)).numpy()
    assert share_reachable(released, support_of_zero) == 1


@pytest.mark.parametrize("truth", TRUTHS)
def test_the_float_sampler_discloses_most_truths(truth, support_of_zero):
    torch.manual_seed(1)
    released = torch.distributions.Laplace(truth, SCALE).sample((COUNT,)).numpy()
    assert share_reachable(released, support_of_zero) < 0.5  # the others can not stem from zero


def on_grid(released):
    """Which released values are whole steps of the public grid, and those steps, rounded."""
    step = SCALE * 2.0**-40
    steps = np.rint(released.numpy() / step)
    assert np.abs(steps).max() < 2**49  # so that the product below is exact: ten has four digits
    return steps * step == released.numpy(), steps.astype(np.int64)


@pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS.keys())
@pytest.mark.parametrize("truth", [0.0, *TRUTHS])
def test_our_release_can_stem_from_every_truth(maker, truth, rng):
    # The noise can be any integer, so each whole step, and nothing else, has every truth behind it.
    released = maker(torch.full((COUNT,), truth, dtype=torch.float64), SeededBits(rng))
    assert on_grid(released)[0].all()


@pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS.keys())
def test_the_low_digits_of_our_release_are_the_same_for_every_truth(maker, rng):
    def low_digits(truth):
        truths = torch.full((COUNT,), truth, dtype=torch.float64)
        return np.bincount(on_grid(maker(truths, SeededBits(rng)))[1] & 255, minlength=256)

    assert chi2_contingency([low_digits(0.0), low_digits(0.001)]).pvalue > FALSE_ALARM
    odd = low_digits(0.001) * (np.arange(256) % 10 > 0)  # the test sees a digit that is missing
    assert chi2_contingency([low_digits(0.0), odd]).pvalue < FALSE_ALARM


def test_what_goes_out_as_float32_is_those_steps_rounded():
    def release(dtype):
        truths = torch.full((COUNT,), 2.0**-10, dtype=dtype)
        return MAKERS["laplace"](truths, SeededBits(torch.Generator().manual_seed(1)))

    assert torch.equal(release(torch.float32), release(torch.float64).float())


def test_exact_noise_does_not_help_when_it_is_added_to_a_float(rng):
    # The same attack on our own noise used the wrong way: nearly every coordinate is disclosed.
    noise = laplace((COUNT,), scale=SCALE, bits=SeededBits(rng))
    assert on_grid(noise)[0].all()
    assert on_grid(0.001 + noise)[0].mean() < 0.1
