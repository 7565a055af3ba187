"""What a participant allows, and what it consents to."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.federation.small_federation import SMALL_IS_ALLOWED, party_of, plan_with
from tithe.checks import BadInput
from tithe.federation.consent import MOST_OFFERS, Consents, in_words
from tithe.federation.party import party_with
from tithe.federation.policy import Policy, read_policy

TODAY = dt.date(2026, 5, 1)
PRIVATE = (
    "privacy.unit=participant", "privacy.noise=secure", "sharing.gamma=0.01",
    "sharing.theta_u=0.01", "privacy.epsilon=4.0",
)  # fmt: skip
STRICT = Policy(theta_u=0.01, gamma=0.01, unit="participant", epsilon=4.0)


def reasons(policy, *overrides):
    plan = plan_with(*overrides)
    return policy.reasons_against(plan, party_of(plan, 0).participant, today=TODAY)


def test_what_keeps_every_limit_is_allowed():
    assert reasons(STRICT, *PRIVATE) == []


@pytest.mark.parametrize(
    ("override", "word"),
    [
        ("sharing.theta_u=0.02", "theta_u"),
        ("sharing.gamma=0.02", "gamma"),
        ("privacy.epsilon=4.1", "epsilon"),
        ("privacy.delta=1e-4", "delta"),
        ("privacy.noise=simulated", "noise"),
        ("privacy.mechanism=sparse_vector_paper", "mechanism"),
    ],
)
def test_each_limit_has_its_sentence(override, word):
    (sentence,) = reasons(STRICT, *PRIVATE, override)
    assert word in sentence


def test_plain_sharing_needs_a_policy_that_says_so():
    assert any("infinite" in each or "plain" in each for each in reasons(Policy()))
    assert any("unit" in each for each in reasons(Policy()))
    assert reasons(Policy(audit=SMALL_IS_ALLOWED, unit="none")) == []


def test_noise_that_guarantees_nothing_is_refused():
    as_printed = ("privacy.mechanism=sparse_vector_as_printed", "privacy.epsilon_per_turn=4.0")
    allowed = Policy(unit="participant", mechanism=("sparse_vector_as_printed",), epsilon=1e9)
    assert any("plain values" in each for each in reasons(allowed, *PRIVATE, *as_printed))


def test_a_plan_may_name_code_of_this_machine_only_where_the_policy_says_so():
    plan = plan_with("model.name=os.path:join")
    participant = party_of(plan_with(), 0).participant
    (sentence,) = Policy(audit=SMALL_IS_ALLOWED, unit="none").reasons_against(
        plan, participant, today=TODAY
    )
    assert "one of Tithe's own networks, got os.path:join" in sentence
    allowed = Policy(audit=SMALL_IS_ALLOWED, unit="none", own_code=True)
    assert allowed.reasons_against(plan, participant, today=TODAY) == []


def test_a_pinned_plan_and_a_last_day_are_kept():
    pinned = Policy(audit=SMALL_IS_ALLOWED, unit="none", plan=plan_with().digest(), until=TODAY)
    assert reasons(pinned) == []
    assert len(reasons(pinned, "exchange.rounds=4")) == 1
    plan = plan_with()
    tomorrow = TODAY + dt.timedelta(days=1)
    assert pinned.reasons_against(plan, party_of(plan, 0).participant, today=tomorrow)


def test_a_policy_is_read_from_toml(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text(
        'theta_u = 0.01\nmechanism = ["mask"]\nuntil = 2026-12-31\nturns_per_hour = 60\n'
    )
    policy = read_policy(path)
    assert (policy.theta_u, policy.mechanism) == (0.01, ("mask",))
    assert policy.until == dt.date(2026, 12, 31)


@pytest.mark.parametrize(
    "text", ["theta_u = 2.0", "theta = 0.1", 'until = "soon"', "epsilon = 0", "= 3"]
)
def test_a_wrong_policy_is_refused_by_name(tmp_path, text):
    path = tmp_path / "policy.toml"
    path.write_text(text)
    with pytest.raises(BadInput, match=r"policy\.toml"):
        read_policy(path)


def test_consent_is_to_one_exact_plan(tmp_path):
    consents, plan = Consents(tmp_path / "consents"), plan_with()
    given = consents.give(plan, party_of(plan, 0), by="me", at=dt.datetime.now(dt.UTC))
    assert consents.of(plan.digest()) == given
    assert consents.of(plan_with("exchange.rounds=4").digest()) is None
    consents.withdraw(plan.digest())
    assert consents.of(plan.digest()) is None


def test_offers_wait_to_be_read_but_not_without_end(tmp_path):
    consents = Consents(tmp_path / "consents")
    for seed in range(MOST_OFFERS + 3):
        consents.keep_offer(plan_with(f"seed={seed}"), size=10)
    assert len(consents.offers()) == MOST_OFFERS


def test_the_cost_is_told_in_plain_words():
    plain = " ".join(in_words(plan_with(), party_of(plan_with(), 0)))
    assert "infinite" in plain and "30 rows" in plain
    plan = plan_with(*PRIVATE)
    private = " ".join(in_words(plan, party_of(plan, 0)))
    assert "epsilon 4" in private and "each participant" in private


def test_a_site_takes_its_own_data_and_keeps_its_number():
    plan = plan_with(*PRIVATE)
    party = party_with(plan, 2, data="digits", options={})
    assert party.participant.number == 2
    assert len(party.participant.shard) > 1000
    assert party.size == party_of(plan, 2).size
