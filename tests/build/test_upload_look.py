"""The quick look at real uploads: classes are counted better if the unsent is known to be small."""

from __future__ import annotations

from statistics import mean

import pytest

from tithe.build import build
from tithe.build.upload_look import UploadLook
from tithe.parties.participant import ParticipantState, take_turn
from tithe.plan import load_plan
from tithe.run_audits.rehearsal import Uncharged

SKEWED = {
    "data": {"train_rows": 1200, "test_rows": 300},
    "partition": {"kind": "dirichlet", "concentration": 0.3, "participants": 8},
    "model": {"name": "digits-mlp"},
    "training": {"batch_size": 16, "learning_rate": 0.05},
    "sharing": {"theta_u": 0.002},
    "exchange": {"rounds": 1},
    "baselines": {"centralised": False, "standalone": 0},
}
NOISY = ["privacy.unit=record", "privacy.noise_multiplier=0.7"]


def looks_at_first_uploads(plan):
    """What is seen of every participant's first upload, knowing nothing of the unsent, and all."""
    built = build(plan)
    joint = built.phases[0]
    module = joint.make_module()
    for each in joint.participants:
        _, turn = take_turn(
            each, ParticipantState(), joint.initial, module=module, ledger=Uncharged()
        )
        yield each, [
            UploadLook(
                each, joint.make_module, (built.test_features, built.test_labels),
                num_classes=10, sends_largest=knows,
            ).at(turn.payload, joint.initial, learning_rate=turn.learning_rate)
            for knows in (False, plan.sends_largest(each.number))
        ]  # fmt: skip


@pytest.mark.parametrize("changes", [[], NOISY], ids=["plain", "DP-SGD"])
def test_the_classes_of_digits_are_counted_better_where_the_largest_are_sent(changes):
    found = [checks for _, checks in looks_at_first_uploads(load_plan(SKEWED, changes))]
    blind, knowing = (mean(checks[k].share_miscounted for checks in found) for k in (0, 1))
    assert knowing < 0.8 * blind
    assert knowing < mean(checks[1].share_by_guess for checks in found)


def test_nothing_but_the_counts_depends_on_it():
    for _, (blind, knowing) in looks_at_first_uploads(load_plan(SKEWED)):
        assert blind.true_counts == knowing.true_counts
        assert blind.num_isolated == knowing.num_isolated
        assert sum(blind.counts) == pytest.approx(sum(knowing.counts))


def test_where_a_mask_chooses_nothing_more_is_known():
    plan = load_plan(SKEWED, ["sharing.selection=random_mask", "sharing.theta_u=0.5"])
    for _, (blind, knowing) in looks_at_first_uploads(plan):
        assert blind == knowing
