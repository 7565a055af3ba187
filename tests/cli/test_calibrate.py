"""``tithe calibrate``: what it prints, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tithe.privacy.calibrate import calibrated_noise_multiplier

RECORDS = ("--epsilon", 8, "--rows", 2000, "--batch", 64)
PARTICIPANTS = ("--unit", "participant", "--epsilon", 8, "--turns", 20, "--count", 100)


def answer(tithe, *arguments):
    result = tithe("calibrate", *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_noise_for_a_target_by_both_accountants_and_both_kinds_of_batches(tithe):
    found = answer(tithe, *RECORDS, "--epochs", 20)["noise_multiplier"]
    wanted = calibrated_noise_multiplier(
        epsilon=8.0, delta=1e-5, sampling_rate=0.032, num_steps=640
    )
    assert found["poisson"]["rdp"] == wanted
    assert found["poisson"]["pld"] < wanted < found["shuffle"]["pld"] < found["shuffle"]["rdp"]
    table = tithe("calibrate", *RECORDS, "--epochs", 20).stdout
    assert "For epsilon 8 at delta 1e-05 in 640 steps at rate 0.032 (20.48 passes):" in table
    assert f"{wanted:.5g}" in table
    assert "without the gain of sampling" in table


def test_both_ways_to_say_the_steps_are_one(tithe):
    by_rows = answer(tithe, *RECORDS, "--turns", 20)
    by_rate = answer(tithe, "--epsilon", 8, "--sampling-rate", 0.032, "--steps", 32, "--turns", 20)
    assert by_rows == by_rate


def test_with_noise_it_says_what_a_budget_buys_or_what_turns_cost(tithe):
    turn = ("--noise-multiplier", 1.1, "--sampling-rate", 256 / 60_000, "--steps", 235)
    bought = answer(tithe, *turn, "--epsilon", 2.5)["turns"]["poisson"]
    assert 0 < bought["rdp"] < bought["pld"]
    cost = answer(tithe, *turn, "--turns", bought["rdp"])["epsilon"]["poisson"]
    assert cost["pld"] < cost["rdp"] <= 2.5
    dearer = answer(tithe, *turn, "--turns", bought["rdp"] + 1)["epsilon"]["poisson"]
    assert dearer["rdp"] > 2.5


def test_a_noise_that_buys_next_to_everything_is_not_counted_to_its_end(tithe):
    silent = ("--noise-multiplier", 1e6, "--sampling-rate", 0.01, "--steps", 10, "--epsilon", 8)
    shown = tithe("calibrate", *silent).stdout
    assert "1,000,000 turns stand for so many or more." in shown


def test_noise_on_uploads_by_mechanism(tithe):
    found = answer(tithe, *PARTICIPANTS)["noise"]
    assert set(found) == {"laplace", "gumbel", "gaussian"}
    assert found["laplace"]["pure"] == pytest.approx(20 * 100 / 8, rel=1e-4)
    replaced = answer(tithe, *PARTICIPANTS, "--relation", "replace")["noise"]
    for name, each in found.items():
        assert replaced[name]["rdp"] == pytest.approx(2 * each["rdp"], rel=1e-4)
    pure = tithe("calibrate", *PARTICIPANTS, "--delta", 0)
    assert pure.exit_code == 0
    assert "Gaussian noise has no line: it needs a delta above 0." in pure.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--epsilon", -1), "--epsilon must be finite and > 0, got -1"),
        (("--epsilon", "nan"), "--epsilon must be finite and > 0, got nan"),
        (("--epsilon", "inf"), "--epsilon must be finite and > 0, got inf"),
        ((*RECORDS, "--delta", 1), "--delta must be in [0, 1), got 1"),
        ((*RECORDS, "--delta", "nan"), "--delta must be in [0, 1), got nan"),
        ((*RECORDS, "--delta", 0), "--delta must be > 0 for Gaussian noise, got 0"),
        (("--sampling-rate", 1.5), "--sampling-rate must be in (0, 1], got 1.5"),
        ((*RECORDS, "--sampling-rate", 0.1), "--sampling-rate stands in place of --rows"),
        ((*RECORDS, "--epochs", 1, "--steps", 1), "--epochs and --steps exclude each other"),
        ((*RECORDS, "--turns", 0), "--turns must be finite and > 0, got 0"),
        ((*RECORDS, "--noise-multiplier", -2), "--noise-multiplier must be finite and > 0"),
        (("--epsilon", 8), "--rows is missing here"),
        (("--rows", 10, "--batch", 5), "--epsilon is missing here"),
        ((*RECORDS, "--count", 5), "--count says nothing with --unit record"),
        ((*PARTICIPANTS, "--rows", 5), "--rows says nothing with --unit participant"),
        (PARTICIPANTS[:-2], "--count is missing here"),
        ((*PARTICIPANTS, "--delta", 0, "--epsilon", 1e-40), "no scale costs at most epsilon"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(tithe, arguments, sentence):
    result = tithe("calibrate", *arguments)
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith(f"tithe: {sentence}")
    assert result.stderr.count("\n") == 1
    assert not result.stdout


def test_it_needs_no_pytorch():
    code = (
        "import sys; sys.argv = 'tithe calibrate --epsilon 8 --noise-multiplier 1 --rows 9 --batch 9'.split()\n"  # noqa: E501
        "import tithe.cli.app\n"
        "try: tithe.cli.app.main()\n"
        "except SystemExit as end: sys.exit(end.code or (99 if 'torch' in sys.modules else 0))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
