"""``tithe account``: what a plan will cost, told before it runs."""

from __future__ import annotations

import json

import pytest

PLAN = """
name = "mine"
[data]
set = "digits"
train_rows = 120
[partition]
participants = 3
[training]
batch_size = 20
[exchange]
rounds = 3
[privacy]
unit = "record"
noise_multiplier = 2.0
epsilon = 50.0
[baselines]
centralised = false
standalone = 0
"""
NUMERIC_SPARSE = (
    "--set", "privacy.unit=participant",
    "--set", "privacy.mechanism=sparse_vector_paper",
    "--set", "privacy.epsilon_per_turn=10.0",
    "--set", "privacy.noise_multiplier=0.0",
    "--set", "privacy.delta=0.0",
    "--set", "sharing.gamma=0.001",
)  # fmt: skip


@pytest.fixture
def account(tithe, tmp_path, monkeypatch):
    """Calls the command on the plan above, with changes; everything stays on one line."""
    (tmp_path / "p.toml").write_text(PLAN)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments):
        result = tithe("account", "p.toml", *arguments)
        assert result.exit_code == 0, result.output
        assert [path.name for path in tmp_path.iterdir()] == ["p.toml"]  # nothing was written
        return result

    return call


def test_it_names_whom_it_protects_by_which_neighbours_and_how_it_counts(account):
    shown = account().stdout
    assert 'one record of a participant, neighbours by "add_or_remove", at delta 1e-05' in shown
    assert "would pass epsilon 50, counted by a Renyi filter of order" in shown
    assert "Poisson samples, charged with the gain of sampling" in shown
    assert "noise is simulated" in shown
    assert "3 participants with 40 rows" in shown
    assert "2 noisy steps on Poisson samples of rate 0.5, noise multiplier 2." in shown
    assert "without the gain" in account("--set", "privacy.sampling=shuffle").stdout
    assert "simulated" not in account("--set", "privacy.noise=secure").stdout


def test_rows_that_one_record_touches_are_told(account):
    grown = [
        "--set", "balance.method=line_smote",
        "--set", "balance.most_times=3",
        "--set", "balance.public_counts=[3, 1, 1, 1, 1, 1, 1, 1, 1, 1]",
    ]  # fmt: skip
    assert ", up to 5 rows brought and 2 taken away by one record, noise" in account(*grown).stdout
    [group] = json.loads(account(*grown, "--json").stdout)["groups"][:1]
    [event] = group["events"]
    assert (event["kind"], event["most_brought"], event["most_taken"]) == (
        "touched_row_steps",
        5,
        2,
    )


def test_turn_round_and_total_are_told_by_every_accountant(account):
    shown = account().stdout
    plain = json.loads(account("--json").stdout)
    [group] = plain["groups"]
    assert group["epsilon"]["total"]["pure"] == "inf"
    assert group["epsilon"]["turn"] == group["epsilon"]["round"]
    for what in ("turn", "total"):
        for accountant in ("pld", "rdp"):
            assert f"{group['epsilon'][what][accountant]:.5g}" in shown
    told = {"participants": [0, 1, 2], "rows": 40, "turns": 3, "turns_allowed": 3}
    assert {name: group[name] for name in told} == told
    assert (group["sampling_rate"], group["noise_multiplier"], group["steps_a_turn"]) == (0.5, 2, 2)
    assert group["events"][0]["kind"] == "gaussian_steps"
    assert (plain["unit"], plain["delta"], plain["warnings"]) == ("record", 1e-5, [])


def test_the_naive_figure_is_never_called_a_cost(account):
    shown = account(*NUMERIC_SPARSE).stdout
    line = next(line for line in shown.splitlines() if "naive" in line)
    assert line.startswith("Not a cost: the naive figure")
    assert line.endswith("is no guarantee for anybody.")
    [group] = json.loads(account(*NUMERIC_SPARSE, "--json").stdout)["groups"]
    count = group["events"][0]["count"]
    # Of the paper's ten an epoch, 7/18 is what it truly costs when a participant falls silent.
    assert group["epsilon"]["turn"]["pure"] == pytest.approx(10 * 7 / 18)
    assert group["naive_per_value_no_guarantee"] == pytest.approx(10 * 7 / 18 / count)
    assert "naive" not in account().stdout


def test_a_budget_that_is_too_small_says_how_many_turns_it_allows(account):
    shown = account("--set", "privacy.epsilon=3.0").stdout
    assert "as the budget allows" in shown
    assert "of 3 turns; the others would not be sent" in shown


def test_a_plain_plan_costs_infinity_and_says_why(account):
    shown = account("--set", "privacy.unit=none").stdout
    assert shown.startswith("epsilon = infinity for every participant: values are chosen by")
    assert shown.count("\n") == 1
    plain = json.loads(account("--set", "privacy.unit=none", "--json").stdout)
    assert plain["groups"][0]["epsilon"]["total"] == {"pld": "inf", "rdp": "inf", "pure": "inf"}
    assert plain["why_infinite"]


def test_the_mechanism_as_printed_costs_infinity_and_says_why(account):
    shown = account(*NUMERIC_SPARSE, "--set", "privacy.mechanism=sparse_vector_as_printed").stdout
    assert shown.startswith("epsilon = infinity for every participant: this mechanism adds its")
    assert "simulated" not in shown


def test_a_delta_above_one_in_the_rows_is_noted(account):
    noted = account("--set", "privacy.delta=0.1").stderr
    assert "note: privacy.delta = 0.1 is above one in the 40 rows of a participant" in noted
    assert account().stderr == ""


def test_ledgers_of_earlier_runs_are_noted(account):
    assert "see `tithe ledger mine/all`" in account("--set", "run.ledgers=mine/all").stderr


def test_rows_with_several_holders_are_told(account):
    changes = ("--set", "partition.kind=independent", "--set", "partition.rows_each=100")
    shown = account(*changes).stdout
    assert "A row has up to 3 holders, and what they spend adds up" in shown
    shared = json.loads(account(*changes, "--json").stdout)["shared_row"]
    assert (shared["holders"], shared["most_holders"]) == (3, 3)
    assert "holders" not in account().stdout


def test_many_different_participants_are_told_by_their_totals(account):
    changes = ("--set", "partition.kind=power_law", "--set", "partition.participants=6")
    shown = account(*changes).stdout
    assert "all 3 turns" in shown
    assert "1 turn, 1 round" not in shown


def test_a_wrong_plan_is_exit_code_2(tithe):
    result = tithe("account", "nowhere.toml")
    assert (result.exit_code, result.stderr) == (2, "tithe: there is no plan nowhere.toml\n")
