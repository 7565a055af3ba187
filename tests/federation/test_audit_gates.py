"""The section [audit] of a policy file, against plans as a participant builds them."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from tests.federation.small_federation import party_of, plan_with
from tithe.checks import BadInput
from tithe.federation.audit_gates import AuditGates, objections_to, recipe_of
from tithe.federation.policy import Policy, read_policy

TODAY = dt.date(2026, 5, 1)


def with_rows(plan, num_rows):
    """Participant 0 of the plan with so many rows, some of them several times."""
    participant = party_of(plan, 0).participant
    shard = participant.shard
    rows = shard.rows.repeat(1 + num_rows // len(shard))[:num_rows]
    return replace(participant, shard=replace(shard, rows=rows))


def test_the_recipe_is_read_off_what_the_plan_makes_of_the_participant():
    plan = plan_with("sharing.theta_u=0.25", "training.batch_size=10", "training.local_epochs=2")
    recipe = recipe_of(plan, with_rows(plan, 45))
    assert (recipe.num_records, recipe.num_steps, recipe.theta_u) == (45, 10, 0.25)
    assert not recipe.is_protected


def test_noise_makes_a_recipe_protected_unless_it_guarantees_nothing():
    private = plan_with("privacy.unit=record")
    assert recipe_of(private, party_of(private, 0).participant).is_protected
    printed = plan_with(
        "privacy.unit=participant", "privacy.mechanism=sparse_vector_as_printed",
        "privacy.epsilon_per_turn=1.0", "sharing.gamma=0.01", "privacy.relation=replace",
    )  # fmt: skip
    assert not recipe_of(printed, party_of(printed, 0).participant).is_protected


def test_a_policy_forbids_a_plain_upload_of_few_rows_and_only_warns_of_many():
    plan, policy = plan_with(), Policy(unit="none")
    few = policy.reasons_against(plan, with_rows(plan, 20), today=TODAY)
    assert any("at least 32 records" in each for each in few)
    held = policy.reasons_against(plan, with_rows(plan, 100), today=TODAY)
    assert any("approve some_records" in each for each in held)
    many = with_rows(plan, 200)
    assert policy.reasons_against(plan, many, today=TODAY) == []
    assert any("600 records" in each for each in policy.warnings_about(plan, many))


def test_a_hold_is_lifted_by_its_name_in_the_file(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text('unit = "none"\n[audit]\napproved = ["some_records"]\nlast_biases = "allow"\n')
    policy, plan = read_policy(path), plan_with()
    participant = with_rows(plan, 100)
    assert policy.reasons_against(plan, participant, today=TODAY) == []
    warnings = policy.warnings_about(plan, participant)
    assert any("approve some_records" in each for each in warnings)
    assert not any("biases" in each for each in warnings)


@pytest.mark.parametrize("line", ['last_biases = "refuse"', 'aproved = ["few_records"]',
                                  'approved = ["all"]'])  # fmt: skip
def test_a_wrong_key_or_word_in_the_section_is_one_sentence(tmp_path, line):
    path = tmp_path / "policy.toml"
    path.write_text(f"[audit]\n{line}\n")
    with pytest.raises(BadInput, match=r"audit"):
        read_policy(path)


def test_every_rule_has_a_key_with_the_default_that_the_rules_name():
    from tithe.audit.recipe_gate import DEFAULTS

    assert AuditGates().model_dump(exclude={"approved"}) == dict(DEFAULTS)


def test_a_run_on_one_machine_is_weighed_by_its_smallest_participant():
    plan = plan_with()
    participants = [with_rows(plan, 400), with_rows(plan, 50)]
    assert objections_to(plan, participants)[0].rule == "some_records"
