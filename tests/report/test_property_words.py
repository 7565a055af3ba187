"""What is said of a property: told, not found, or nothing to be said, and never more than that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.report.audit_examples import facts as audit_facts
from tests.report.html_checks import check
from tithe.report.audit_facts import AuditFacts, public
from tithe.report.audit_page import audit_page
from tithe.report.audit_words import SUMMARY_LINES, summary, verdict
from tithe.report.property_facts import OwnProperty, PropertyFacts, Told
from tithe.report.property_words import own_words, property_verdict

TOLD = Told("all uploads together", 0.9, 0.84, 0.96, 70, 80, 0.78, 0.94)
CONTROL = Told("control: those without", 0.52, 0.4, 0.64, 41, 80, 0.4, 0.63)
FACTS = PropertyFacts(
    class_name="<ill>",
    boundary=0.1,
    told=TOLD,
    control=CONTROL,
    parts=(replace(TOLD, name="turn 0 alone", auc=0.8),),
    smallest=0.63,
    num_each=40,
    confidence=0.95,
    present=((0.15, 0.8), (0.2, 0.9)),
    absent=((0.05, 0.3), (0.0, 0.1)),
    own=OwnProperty(share=0.18, holds=True, belief=0.71, above=38),
)


def audit(**changes) -> AuditFacts:
    nothing = {"attacks": (), "headline": "", "epsilon": None, "planted": None, "turns": (),
               "labels": None, "slices": (), "exposed": (), "gallery": (),
               "gallery_words": ""}  # fmt: skip
    return audit_facts(kind="property", **nothing, inferred=replace(FACTS, **changes))


def page_of(told, *, is_public=False):
    return check(audit_page(told, is_public=is_public).decode())


def test_above_chance_is_told_with_its_limits():
    words = property_verdict(FACTS)
    assert words.startswith("The uploads tell whether more than 10.0")
    assert "AUC 0.90 (0.84 to 0.96), 70 of 80 participants believed rightly" in words
    assert verdict(audit()) == words and FACTS.is_told


def test_near_chance_is_said_with_what_could_not_have_been_told():
    near = replace(FACTS, told=replace(TOLD, auc=0.55, auc_low=0.42, auc_high=0.68))
    assert "were not found to tell" in property_verdict(near) and not near.is_told
    assert "an AUC below 0.63 cannot be told from chance with 40 participants" in property_verdict(
        near
    )


@pytest.mark.parametrize("told", [TOLD, replace(TOLD, auc_low=0.4)])
def test_a_control_above_chance_takes_back_whatever_was_found(told):
    broken = replace(FACTS, told=told, control=replace(CONTROL, auc=0.7, auc_low=0.6))
    assert "cannot be said to be told or not" in property_verdict(broken)
    assert not broken.is_told


def test_the_participant_itself_is_one_case_right_or_wrong():
    assert "thinks that more than 10.0" in own_words(FACTS) and "that is right" in own_words(FACTS)
    wrong = replace(FACTS, own=OwnProperty(share=0.18, holds=True, belief=0.3, above=2))
    assert "thinks that no more than" in own_words(wrong) and "that is wrong" in own_words(wrong)
    assert own_words(FACTS.for_others()) == ""


def test_the_page_has_verdict_figures_control_and_points():
    page = page_of(audit())
    for part in ("A property of the rows of", "AUC of the control", "control: those without",
                 "turn 0 alone", "class <ill>"):  # fmt: skip
        assert part in page.said, part
    points = {trace["name"]: trace for trace in page.figures()["beliefs"]["data"]}
    assert points["with the property"]["x"] == [15.0, 20.0]
    assert points["this participant"]["y"] == [0.71]
    others = page_of(public(audit()), is_public=True)
    assert "this participant" not in others.text and "18.0" not in others.said


def test_the_summary_fits_a_screen():
    lines = summary(audit(parts=tuple(replace(TOLD, name=f"turn {n} alone") for n in range(40))))
    assert len(lines) <= SUMMARY_LINES
    assert lines[0].startswith("The uploads tell")
    assert any(line.startswith("The control: those without") for line in lines)
