"""The page of a private run: what was promised, what was spent, what noise left."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.report.conftest import MakeRun
from tests.report.html_checks import Page, check
from tithe.report.comparison import write_comparison
from tithe.report.page import write_page

SPENT = (
    ("epsilon", {"pld": 6.501, "rdp": 7.5, "pure": "inf"}),
    ("naive_epsilon_per_value", 0.25),
)


def page_of(directory: Path) -> Page:
    return check(write_page(directory).read_text(encoding="utf-8"))


def test_simulated_noise_is_said_to_protect_nobody_before_any_figure(make_run: MakeRun) -> None:
    page = page_of(make_run(unit="record", privacy=SPENT))
    warned = page.said.index("This run protects nobody: its noise was simulated")
    assert warned < page.said.index("Epsilon spent, in total")
    assert "None in this run: it is simulated. With (epsilon 8, delta" in page.said
    assert "whoever knows the seed takes it off again" in page.said
    assert "What this run promises" not in page.said


def test_secure_noise_is_a_promise_with_its_terms(make_run: MakeRun) -> None:
    said = page_of(make_run(unit="record", noise="secure", privacy=SPENT)).said
    promised = said.index("What this run promises")
    assert promised < said.index("Epsilon spent, in total")
    assert "(epsilon 8, delta 1e-05)-differential privacy for each. On terms." in said
    assert "protects nobody:" not in said
    assert "repeats this run except for its noise" in said
    assert "What no promise covers" in said
    assert "epsilon = infinity" not in said


def test_every_count_stands_against_the_budget(make_run: MakeRun) -> None:
    page = page_of(make_run(unit="record", rounds=16, privacy=SPENT))
    spent = page.figures()["spent"]
    bars = {trace["y"][0]: trace["x"][0] for trace in spent["data"]}
    assert list(bars.values()) == [8, 6.501, 7.5, 0, 0.25]
    assert next(iter(bars)) == "Charged by the ledger: <b>8</b>"
    assert "Plain sum, delta 0: <b>infinite</b>" in bars
    assert "Not a guarantee:<br>divided by the values: <b>0.25</b>" in bars
    assert spent["layout"]["shapes"][0]["x0"] == 8
    assert "not a guarantee about anybody" in page.said
    assert "By the tightest count6.51" in page.said  # a loss is rounded up


def test_turns_that_the_ledger_refused_are_counted_and_quoted(make_run: MakeRun) -> None:
    said = page_of(make_run(unit="record", participants=4, rounds=10, epsilon_a_turn=1.0)).said
    assert "Turns refused8of 40: they would have passed the budget" in said
    assert (
        "refused 8 turns of 40, 20 %, from round 9 on; the first with these words: “participant 0 "
        "has spent epsilon 8 of 8 and this upload costs 1; nothing was sent”" in said
    )


def test_noise_against_signal_is_a_mean_in_a_band_that_stays_here(make_run: MakeRun) -> None:
    page = page_of(make_run(unit="participant", participants=3, rounds=2, cosine=0.5))
    band, mean = page.figures()["noise"]["data"]
    assert band["x"] == [1, 2, 2, 1]
    assert band["y"] == pytest.approx([0.52, 0.52, 0.5, 0.5])
    assert mean["y"] == pytest.approx([0.51, 0.51])
    assert "it stays on this machine" in page.said
    assert "Signal in what was sent0.51" in page.said


def test_accuracy_climbs_over_epsilon_between_floor_and_ceiling(make_run: MakeRun) -> None:
    page = page_of(make_run(unit="record", rounds=3))
    figure = page.figures()["epsilon"]
    assert figure["data"][0]["x"] == [0, 0.5, 1, 1.5]
    notes = [note["text"] for note in figure["layout"]["annotations"]]
    assert [note.partition(":")[0] for note in notes] == ["All data in one place", "Alone"]
    assert "alone, nothing leaves, so no noise" in page.said


def test_a_run_that_could_send_nothing_draws_nothing_empty(make_run: MakeRun) -> None:
    page = page_of(make_run(unit="record", epsilon_a_turn=0.0, cosine=math.nan, rounds=2))
    assert not {"spent", "epsilon", "noise"} & page.figures().keys()


def test_an_infinite_total_is_called_infinite(make_run: MakeRun) -> None:
    page = page_of(make_run(unit="participant", epsilon_a_turn=math.inf, budget=math.inf))
    assert "This run protects nobody: it promises nothing" in page.said
    assert "Epsilon spent, in totalinfinite" in page.said
    assert "nothing limits what is lost" in page.said
    assert not {"spent", "epsilon"} & page.figures().keys()


def test_a_plain_page_speaks_of_no_budget(make_run: MakeRun) -> None:
    page = page_of(make_run())
    assert "epsilon = infinity" in page.said
    assert not {"spent", "epsilon", "noise"} & page.figures().keys()
    for word in ("Epsilon spent", "budget", "no noise", "ledger"):
        assert word not in page.said


def test_below_alone_no_gap_was_closed_and_no_bar_is_drawn(make_run: MakeRun) -> None:
    page = page_of(make_run(unit="record", joint_end=0.5))
    assert "Gap closednone" in page.said
    assert not [given for given in page.all("div") if given.get("class") == "scale"]


def compared(runs: list[Path], path: Path, labels: list[str]) -> Page:
    return check(write_comparison(runs, path, labels).read_text(encoding="utf-8"))


def test_private_runs_are_compared_by_what_they_spent(make_run: MakeRun, tmp_path: Path) -> None:
    runs = [
        make_run(unit="record", rounds=4),
        make_run(unit="record", rounds=4, epsilon_a_turn=1.0, seed=2),
        make_run(unit="participant", rounds=4, noise="secure"),
        make_run(rounds=4),
    ]
    page = compared(runs, tmp_path / "page.html", ["one", "one", "two", "plain"])
    traces = page.figures()["epsilon"]["data"]
    assert [trace["name"] for trace in traces] == [
        "one (record, delta 1e-05)",
        "two (participant, delta 1e-05)",
    ]
    assert traces[0]["x"] == [1, 2, 3, 4]  # of the repeats, the one that spent most
    (line,) = page.figures()["epsilon"]["layout"]["annotations"]
    assert line["text"].startswith("plain, without privacy: ")
    assert "The terms differ" in page.said
    assert "record, delta 1e-05, simulated" in page.said
    assert "TogetherEpsilonfor each" in page.said


def test_plain_runs_are_compared_without_a_word_of_epsilon(
    make_run: MakeRun, tmp_path: Path
) -> None:
    page = compared([make_run(rounds=2)], tmp_path / "page.html", ["plain"])
    assert "epsilon" not in page.figures()
    assert "psilon" not in page.said
