"""The report's page: what it draws and what it says."""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.report.conftest import MakeRun
from tests.report.html_checks import Page, check
from tests.test_record import ABOUT, EVALUATION, TURN
from tithe.checks import BadInput
from tithe.record import RunWriter
from tithe.report.page import write_page

SHAPES = {
    "plain": {},
    "asynchronous": {"order": "asynchronous", "stops": ((4, 5),), "leaves": ((22, 6),)},
    "interrupted": {"rounds": 7, "planned_rounds": 12, "complete": False, "counters": False},
    "without baselines": {"standalone": 0, "centralised": False},
    "private": {"unit": "record", "epsilon_a_turn": 1.0},
    "private and interrupted": {"unit": "participant", "rounds": 3, "complete": False},
    "one participant": {"participants": 1, "standalone": 1},
    "one round": {"rounds": 1},
    "no round": {"rounds": 0},
    "all wrong": {"joint_end": 0.0, "standalone_end": 0.0, "centralised_end": 0.0},
    "everyone stopped": {"participants": 3, "stops": ((0, 1), (1, 1), (2, 1))},
    "a thousand participants": {"participants": 1000, "rounds": 2},
    "many rounds": {"participants": 2, "rounds": 3000},
}


def page_of(directory: Path) -> Page:
    path = write_page(directory)
    assert path == directory / "page.html"
    return check(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("shape", SHAPES)
def test_every_run_has_a_sound_page(make_run: MakeRun, shape: str) -> None:
    page = page_of(make_run(**SHAPES[shape]))
    title = "This run protects nobody" if "private" in shape else "What this run promises"
    assert title in page.said
    assert ("no differential-privacy guarantee" in page.said) == ("private" not in shape)
    assert "rounds" in page.figures()
    for key, figure in page.figures().items():
        text = json.dumps(figure)
        assert "NaN" not in text, key
        assert len(text) < 400_000, key


@pytest.mark.parametrize("shape", ["plain", "asynchronous", "interrupted"])
def test_the_same_record_gives_the_same_bytes(make_run: MakeRun, shape: str) -> None:
    run = make_run(**SHAPES[shape])
    once = write_page(run).read_bytes()
    assert write_page(run).read_bytes() == once


def test_the_page_says_what_the_record_says(make_run: MakeRun) -> None:
    run = make_run(stops=((4, 5),))
    said = page_of(run).said
    summary = json.loads((run / "summary.json").read_text())
    lines = [json.loads(line) for line in (run / "turns.jsonl").read_text().splitlines()]
    joint = [
        json.loads(line)
        for line in (run / "evaluations.jsonl").read_text().splitlines()
        if '"joint"' in line
    ]
    assert summary["verdict"] in said
    assert f"{100 * joint[-1]['accuracy']:.2f} %" in said
    assert f"{sum(line['bytes_up'] for line in lines) / 1e6:.3g} MB" in said
    for told in ("105,506", "30", "600 rows each", "Seed 1", "torch 2.13.0", "tithe run plans"):
        assert told in said.replace("Seed1", "Seed 1"), told
    assert (run / "plan.toml").read_text().split() == re.findall(
        r"\S+", said[said.index("The plan as used") + 16 : said.index("Made by")]
    )
    assert "4stopped8 turns5the training loss was not finite" in said


def test_the_share_of_the_gap_by_hand(tmp_path: Path) -> None:
    with RunWriter.create(tmp_path / "run", plan_toml="", about=ABOUT) as writer:
        writer.turn(TURN)
        for phase, accuracy in (("joint", 0.95), ("standalone-0", 0.8), ("centralised", 1.0)):
            writer.evaluation(replace(EVALUATION, phase=phase, accuracy=accuracy))
        writer.finish({"complete": True, "verdict": "Fine."})
    said = page_of(tmp_path / "run").said
    assert "joint training at 95.00 % closes 75 % of the gap" in write_page(
        tmp_path / "run"
    ).read_text().replace("\N{NO-BREAK SPACE}", " ")
    assert "Gap closed75 %" in said


def test_an_interrupted_run_says_so_and_how_to_go_on(make_run: MakeRun) -> None:
    run = make_run(**SHAPES["interrupted"])
    said = page_of(run).said
    assert "This run is not finished: 7 rounds of 12 are recorded." in said
    assert f"tithe run {run} --resume" in said
    assert "counters are written when the run ends" in said
    assert "was not measured" not in said  # it may yet be


def test_a_finished_run_speaks_of_no_resuming(make_run: MakeRun) -> None:
    assert "--resume" not in page_of(make_run()).said


def test_a_run_that_has_only_begun_has_a_page(tmp_path: Path) -> None:
    RunWriter.create(tmp_path / "run", plan_toml="", about={}).close()
    said = page_of(tmp_path / "run").said
    assert "Nothing has been measured yet." in said
    assert "not finished" in said


def test_missing_baselines_are_named(make_run: MakeRun) -> None:
    said = page_of(make_run(**SHAPES["without baselines"])).said
    assert "baselines.standalone in the plan adds it" in said
    assert "baselines.centralised in the plan adds it" in said
    assert "Gap closed" not in said


def test_without_a_gap_none_is_claimed(make_run: MakeRun) -> None:
    said = page_of(make_run(**SHAPES["all wrong"])).said
    assert "there is no gap to close" in said
    assert "Gap closed" not in said


def test_staleness_is_drawn_only_where_there_was_any(make_run: MakeRun) -> None:
    plain, asynchronous = page_of(make_run()), page_of(make_run(order="asynchronous"))
    assert "staleness" not in plain.figures()
    assert "clock" not in plain.figures()
    assert "No update was stale" in plain.said
    assert {"staleness", "clock"} <= asynchronous.figures().keys()
    assert sum(asynchronous.figures()["staleness"]["data"][0]["y"]) == 360


def test_the_share_never_shared_is_that_of_the_counters(make_run: MakeRun) -> None:
    from tithe.report.layers import read_counts

    run = make_run()
    counts = read_counts(run)
    assert counts is not None
    assert f"{100 * (counts == 0).mean():.1f} % of the parameters were never" in page_of(run).said


def test_decayed_counters_are_said_to_be(make_run: MakeRun) -> None:
    assert "multiplies its counters by 0.9" in page_of(make_run(beta=0.9)).said


EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)> & $x {{7*7}} \N{SNOWMAN}"


def test_whatever_a_user_wrote_is_shown_and_never_run(tmp_path: Path) -> None:
    about = {
        "name": EVIL,
        "command": EVIL,
        "data_note": EVIL,
        "versions": {EVIL: EVIL},
        "layers": [{"name": EVIL, "shape": [4], "start": 0, "stop": 4}],
        "guarantee": EVIL,
        "seed": EVIL,
    }
    from numpy import ones
    from safetensors.numpy import save_file

    run = tmp_path / "run"
    with RunWriter.create(run, plan_toml=f"x = '''{EVIL}'''\n", about=about) as writer:
        writer.turn(replace(TURN, status="stopped", reason=EVIL))
        writer.turn(TURN)
        writer.evaluation(EVALUATION)
        writer.evaluation(replace(EVALUATION, phase=EVIL))
        writer.finish({"complete": True, "verdict": EVIL})
    save_file({"counts": ones(4, dtype="float32")}, run / "counters.safetensors")
    page = page_of(run)
    assert page.all("img") == []
    assert page.said.count(re.sub(r"\s+", " ", EVIL)) >= 9
    for figure in page.figures().values():
        text = json.dumps(figure)
        assert "<script" not in text
        assert "<img" not in text


def test_a_damaged_plan_is_named(tmp_path: Path) -> None:
    RunWriter.create(tmp_path / "run", plan_toml="= 3", about=ABOUT).close()
    with pytest.raises(BadInput, match=r"plan\.toml is damaged"):
        write_page(tmp_path / "run")


def test_no_run_no_page(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no run"):
        write_page(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_loss_that_broke_does_not_break_the_page(tmp_path: Path) -> None:
    with RunWriter.create(tmp_path / "run", plan_toml="", about=ABOUT) as writer:
        for round in range(4):
            writer.turn(replace(TURN, round=round, loss=math.nan, status="stopped"))
            writer.evaluation(replace(EVALUATION, round=round, loss=math.inf))
    assert "not a number" in page_of(tmp_path / "run").said


def test_a_hundred_thousand_turns_make_a_small_page(make_run: MakeRun) -> None:
    run = make_run(participants=1000, rounds=1, standalone=0)
    lines = (run / "turns.jsonl").read_bytes()
    (run / "turns.jsonl").write_bytes(lines * 100)
    begun = time.process_time()
    page_of(run)
    assert time.process_time() - begun < 30  # about 4 s here


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
@pytest.mark.parametrize("shape", ["asynchronous", "interrupted", "private"])
def test_a_browser_draws_every_picture_and_has_nothing_to_complain_about(
    make_run: MakeRun, tmp_path: Path, shape: str
) -> None:
    page = write_page(make_run(**SHAPES[shape]))
    flags = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
        "--disable-background-networking --disable-component-update --disable-sync "
        "--enable-logging=stderr --virtual-time-budget=5000 --dump-dom"
    )
    profile = f"--user-data-dir={tmp_path / 'browser'}"
    seen = subprocess.run(
        ["chromium", *flags.split(), profile, page.as_uri()],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    assert "CONSOLE" not in seen.stderr
    drawn = seen.stdout.count('<svg class="main-svg"')
    num_figures = len(Page(page.read_text()).figures())
    assert drawn >= num_figures, seen.stderr
