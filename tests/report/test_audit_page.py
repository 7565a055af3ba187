"""The report of an audit: page, JSON and summary say the same, and the public form names nobody."""

from __future__ import annotations

import json
import math
import os
import stat
from pathlib import Path

import pytest

from tests.report.audit_examples import attack, facts
from tests.report.html_checks import Page, check
from tithe.checks import BadInput
from tithe.report.audit_facts import Drawn, Planted, public
from tithe.report.audit_page import audit_page, write_audit
from tithe.report.audit_words import SUMMARY_LINES, resolution, strength, summary, verdict


def page_of(told, *, is_public=False) -> Page:
    return check(audit_page(told, is_public=is_public).decode())


def test_the_page_leads_with_records_named_and_sets_three_figures_side_by_side():
    said = page_of(facts()).said
    order = [
        "With at most one wrong accusation 30 of 1,000 records can be named",
        "chance alone names 2.0: far above chance",
        "Claimed: epsilon", "2.5", "Shown: epsilon at least", "1.25", "Concrete: records named",
    ]  # fmt: skip
    places = [said.index(part) for part in order]
    assert places == sorted(places)
    assert "Not tried: LiRA online, since there are no models." in said
    assert "Every figure is a lower bound" in said


def test_the_roc_is_on_logarithmic_axes_with_a_band_and_chance():
    figure = page_of(facts()).figures()["roc"]
    assert figure["layout"]["xaxis"]["type"] == figure["layout"]["yaxis"]["type"] == "log"
    names = [trace.get("name") for trace in figure["data"]]
    assert names[0].endswith("band") and {"RMIA", "loss", "chance"} <= set(names)
    chance = next(trace for trace in figure["data"] if trace["name"] == "chance")
    assert chance["x"] == chance["y"]
    assert min(figure["data"][0]["x"]) > 0  # a logarithm has no place for 0 itself
    assert figure["layout"]["xaxis"]["ticktext"][0] == "0"


def test_all_that_was_found_is_on_the_page():
    page = page_of(facts())
    assert {"roc", "epsilon", "turns", "labels"} <= set(page.figures())
    assert len(page.all("img")) == 3
    for part in ("row 987123", "class 3", "four", "control", "classified", "train privately"):
        assert part.lower() in page.said.lower(), part


def test_the_public_form_has_no_image_no_record_and_no_count_of_a_class(tmp_path: Path):
    json_path, path = write_audit(facts(), tmp_path, is_public=True)
    page = check(path.read_text())
    assert not page.all("img")
    for text in (page.text, json_path.read_text()):
        assert "row 987123" not in text and "28.4567" not in text
    assert "as private as the data" not in page.said and "class 3" not in page.said
    assert "as private as the data" in page_of(facts()).said


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_the_private_form_is_for_its_owner_alone(tmp_path: Path):
    for path in write_audit(facts(), tmp_path / "private"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_same_facts_give_the_same_bytes_and_only_time_stamps_differ(tmp_path: Path):
    first = facts().to_json()
    assert first == facts().to_json()
    later = json.loads(facts(when={"Written": "2027-02-02"}).to_json())
    earlier = json.loads(first)
    assert later.pop("when") != earlier.pop("when") and later == earlier
    assert audit_page(facts(), is_public=False) == audit_page(facts(), is_public=False)
    assert earlier["turns"][1]["epsilon"] == "inf"  # JSON has no word for it


def test_the_summary_fits_a_screen_whatever_there_is():
    many = {
        f"attack {n}": "there was no time for it, and it would have told little" for n in range(30)
    }
    told = facts(not_tried=many, advice=("do something about it, and soon",) * 9)
    assert len(summary(told)) <= SUMMARY_LINES
    assert all(len(line) <= 96 for line in summary(told))
    assert "named" in summary(told)[0]


def test_more_shown_than_claimed_is_an_alarm():
    epsilon = facts().epsilon
    broken = facts(epsilon=type(epsilon)(**{**vars(epsilon), "claimed": 1.0}))
    assert any("MORE THAN CLAIMED" in line for line in summary(broken))
    assert 'card of-refused"><dt>Shown' in page_of(broken).text


def test_a_claim_that_is_infinite_has_the_colour_of_an_alarm_and_a_finite_one_has_not():
    epsilon = facts().epsilon
    nothing = facts(epsilon=type(epsilon)(**{**vars(epsilon), "claimed": math.inf}))
    assert 'card of-refused"><dt>Claimed' in page_of(nothing).text
    assert 'of-refused"' not in page_of(facts()).text


def test_an_insiders_drawings_stand_beside_rows_and_means_and_in_a_table():
    drawn = (
        Drawn("the insider's", 0.98, 0.46, 0.66, 0.67),
        Drawn("the control's", 0.2, 0, 0.4, 0.5),
    )
    told = facts(kind="insider", attacks=(), headline="", epsilon=None, planted=None, turns=(),
                 labels=None, slices=(), exposed=(), drawn=drawn,
                 gallery_words="The insider drew class three.")  # fmt: skip
    page = page_of(told)
    assert "What the insider drew" in page.said and "nearest row" in page.said
    assert "of the class mean 0.60" in page.said
    assert "98" in page.said and "0.46" in page.said
    assert summary(told)[0] == "The insider drew class three."
    assert any("the control's: taken for the class 20" in line for line in summary(told))
    assert json.loads(told.to_json())["drawn"][0]["to_class"] == 0.46
    shown = page_of(public(told), is_public=True)
    assert "0.46" in shown.said and not shown.all("img")


def test_near_chance_is_said_only_where_neither_naming_nor_average_tells():
    quiet = {"named_p_value": 0.5, "named": 1}
    assert strength(attack(**quiet, auc_low=0.48)) == "near chance"
    assert strength(attack(**quiet, auc_low=0.6)) == "a little above chance"
    assert strength(attack(named_p_value=0.001, auc_low=0.4)) == "far above chance"
    near = facts(attacks=(attack(**quiet, auc_low=0.48),))
    assert "near chance" in verdict(near)
    assert "a planted leak is found" in page_of(near).said


def test_near_chance_does_not_hide_another_attack_that_tells():
    quiet = attack(named_p_value=0.5, named=1, auc_low=0.48)
    louder = attack("LiRA offline", auc=0.61, auc_low=0.58, named=9, named_p_value=0.02)
    words = verdict(facts(attacks=(quiet, louder)))
    assert "near chance, while LiRA offline is above it (AUC 0.61, 9 named)" in words
    same = attack("loss", auc=0.51, auc_low=0.48, named_p_value=0.009)  # one of two: not enough
    assert verdict(facts(attacks=(quiet, same))).endswith("near chance")


def test_too_few_records_to_show_a_planted_leak_are_said_first_with_the_number_that_would_do():
    quiet = attack(named_p_value=0.5, named=1, auc_low=0.48, num_members=100, num_non_members=90)
    few = facts(attacks=(quiet,), planted=Planted(5, 6, is_found=False, num_enough=171))
    sentence = (
        "The check of this audit's own power failed: 100 records and 90 others are too few to show "
        "even a planted leak, since luck alone names as many as were planted (5); 171 of each "
        "would do. So finding nothing here means nothing."
    )
    page = page_of(few)
    assert sentence in page.said and '<div class="notice" role="note"><p>The check' in page.text
    assert "near chance, which this audit cannot tell from a leak" in page.said
    assert sentence in " ".join(summary(few)[1:6])
    assert verdict(few).endswith("near chance, which this audit cannot tell from a leak")


def test_an_audit_that_misses_a_planted_leak_says_that_its_silence_means_nothing():
    blind = facts(planted=Planted(50, 0, is_found=False, num_enough=171))
    said = page_of(blind).said
    assert "a leak that was planted is not found (0 records named where 50 were planted)" in said
    assert "so finding nothing here means nothing" in said


def test_what_few_records_do_show_stands():
    told = facts(planted=Planted(5, 5, is_found=False, num_enough=171))
    assert verdict(told).endswith("far above chance")
    assert "cannot tell from a leak" not in page_of(told).said


def test_a_self_test_that_passed_is_no_alarm_and_comes_late():
    page = page_of(facts())
    assert "a planted leak is found (50 records named where 50 were planted)" in page.said
    assert "The check of this audit" not in page.said
    lines = summary(facts())
    (place,) = [n for n, line in enumerate(lines) if "a planted leak is found" in line]
    assert place > len(lines) / 2


def test_an_audit_without_scores_has_a_page_too():
    bare = facts(kind="inversion", attacks=(), headline="", epsilon=None, planted=None, turns=(),
                 labels=None, slices=(), exposed=())  # fmt: skip
    said = page_of(bare).said
    assert "Inputs were rebuilt at correlation 0.90" in said and "planted" not in said
    assert summary(bare)[0].startswith("Inputs were rebuilt")


@pytest.mark.parametrize(
    ("rates", "sentence"),
    [((0.1, 0.0), "0.1 % needs"), ((0.1, 0.01, 0.001, 0.0), "not to 0.01 %"), ((0.0,), "no false")],
)
def test_what_the_non_members_cannot_carry_is_said(rates, sentence):
    first = attack().rates[0]
    told = tuple(type(first)(**{**vars(first), "false_positive_rate": rate}) for rate in rates)
    words = resolution(attack(rates=told)).replace("\N{NO-BREAK SPACE}", " ")
    assert sentence in words or "1 % needs" in words.replace("1.0", "1")


def test_an_infinite_claim_is_a_word_and_no_bar():
    epsilon = facts().epsilon
    endless = facts(epsilon=type(epsilon)(**{**vars(epsilon), "claimed": math.inf}))
    page = page_of(endless)
    assert "infinite" in page.said
    assert len(page.figures()["epsilon"]["data"]) == 2


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot hold a report"):
        write_audit(facts(), tmp_path / "file")
