"""``tithe run``: what it calls, prints, refuses and tells the shell."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from tests.cli.conftest import progress
from tithe.checks import BadInput
from tithe.experiment import Interrupted
from tithe.plan import load_plan


@pytest.fixture
def plan(tmp_path):
    """A plan file."""
    path = tmp_path / "plan.toml"
    path.write_text('name = "small"\n[sharing]\ntheta_u = 0.5\n')
    return path


def everything_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_plan_is_run_into_a_folder_of_its_name(tithe, play, plan):
    result = tithe("run", plan)
    assert result.exit_code == 0, result.output
    [(used, directory, options)] = play.calls
    assert used == load_plan(plan)
    assert directory == Path("runs/small")
    assert options["resume"] is False
    assert options["command"].startswith("tithe")


def test_lines_tell_every_round_once(tithe, play, plan):
    lines = tithe("run", plan).stdout.splitlines()
    assert lines[0] == "small: 10 participants on digits, theta_u 0.5, 12 rounds -> runs/small"
    assert lines[1] == (
        "joint         round 1/2  turn 5/10  accuracy 50.00 %  loss 1.25  up 1 kB  down 2 MB  "
        "left 1:23"
    )
    assert lines[2].startswith("joint         round 2/2  turn 10/10")
    assert sum(line.startswith("joint") for line in lines) == 2


def test_a_message_is_a_line_of_its_own(tithe, play, plan):
    play.events = [progress(round=0, message="participant 3 left")]
    assert "\nparticipant 3 left\n" in tithe("run", plan).stdout
    assert "participant 3 left" not in tithe("run", plan, "--force", "--quiet").stdout


def test_the_end_is_a_table_the_verdict_and_the_page(tithe, play, plan):
    output = tithe("run", plan).stdout
    table = [line for line in output.splitlines() if "%" in line and line.startswith(("│", "|"))]
    assert [line.split()[-3] for line in table] == ["60.00", "97.00", "98.00"]
    assert output.splitlines()[-2:] == ["Together they reached 97 %.", "page: runs/small/page.html"]


def test_quiet_prints_only_the_end(tithe, play, plan):
    result = tithe("run", plan, "--quiet")
    assert result.stdout == "Together they reached 97 %.\npage: runs/small/page.html\n"


def test_json_prints_an_object_a_round_and_one_at_the_end(tithe, play, plan):
    play.events.append(progress(turn=1, phase="standalone-0", loss=math.inf))
    play.events.append(progress(turn=2, phase="standalone-0"))
    result = tithe("run", plan, "--json")
    objects = [json.loads(line) for line in result.stdout.splitlines()]
    assert [each["event"] for each in objects] == ["round", "round", "round", "finished"]
    assert objects[0]["bytes_down"] == 2_000_000
    assert objects[2]["loss"] == "inf"
    assert objects[-1]["accuracies"]["joint"] == 0.97
    assert objects[-1]["page"] == "runs/small/page.html"
    assert objects[-1]["exit_code"] == 0


def test_json_of_a_refused_plan_says_why(tithe, play, plan):
    result = tithe("run", plan, "--json", "--set", "sharing.theta_u=2")
    [last] = [json.loads(line) for line in result.stdout.splitlines()]
    assert last["event"] == "failed"
    assert last["exit_code"] == result.exit_code == 2
    assert last["problems"] == [f"{plan}: sharing.theta_u must be in (0, 1], got 2"]


def test_quiet_and_json_exclude_each_other(tithe, play, plan):
    assert tithe("run", plan, "--json", "--quiet").exit_code == 2
    assert tithe("run", plan, "--resume", "--force").exit_code == 2


def test_set_device_and_out_change_the_plan_and_the_folder(tithe, play, plan):
    tithe(
        "run",
        plan,
        "--set",
        "seed=5",
        "--set",
        "data.set=mnist",
        "--device",
        "cuda",
        "--out",
        "a/b",
    )
    [(used, directory, _)] = play.calls
    assert (used.seed, used.data.set, used.run.device) == (5, "mnist", "cuda")
    assert directory == Path("a/b")


def test_the_engine_is_named_in_short(tithe, play, plan):
    tithe("run", plan, "--engine", "simulation")
    [(used, _, _)] = play.calls
    assert used.run.engine == "simulation"


def test_a_wrong_plan_is_told_in_full_and_leaves_nothing(tithe, play, plan, tmp_path):
    before = everything_in(tmp_path)
    result = tithe("run", plan, "--set", "sharing.thetau=1", "--set", "seed=-1")
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        f"tithe: {plan}: seed must be >= 0, got -1",
        f"tithe: {plan}: sharing.thetau is not a key of [sharing]; did you mean sharing.theta_u?",
    ]
    assert result.stdout == ""
    assert play.calls == []
    assert everything_in(tmp_path) == before


def test_bad_input_found_by_the_run_is_exit_code_2(tithe, play, plan):
    play.raises, play.events = BadInput("digits: no such file"), []
    result = tithe("run", plan)
    assert result.exit_code == 2
    assert result.stderr == "tithe: digits: no such file\n"


def test_a_finished_run_is_not_written_over(tithe, play, plan):
    tithe("run", plan)
    result = tithe("run", plan)
    assert result.exit_code == 2
    assert result.stderr == (
        "tithe: runs/small holds a finished run; see it with `tithe report runs/small`, "
        "choose another folder with --out, or set it aside with --force\n"
    )
    assert len(play.calls) == 1


def test_force_renames_the_earlier_run(tithe, play, plan):
    tithe("run", plan)
    for number in (1, 2):
        Path("runs/small/mine.txt").write_text("a note")
        result = tithe("run", plan, "--force")
        assert result.exit_code == 0
        aside = f"runs/small.earlier-{number}"
        assert f"the run that was in runs/small is now {aside}" in result.stderr
        assert (Path(aside) / "mine.txt").exists()
        assert not Path("runs/small/mine.txt").exists()


def test_force_gives_back_the_earlier_run_if_there_is_no_new_one(tithe, play, plan, monkeypatch):
    tithe("run", plan)

    def refuse(*args, **options):
        raise BadInput("no such data")

    monkeypatch.setattr("tithe.experiment.run_experiment", refuse)
    assert tithe("run", plan, "--force").exit_code == 2
    assert Path("runs/small/summary.json").exists()
    assert not Path("runs/small.earlier-1").exists()


def test_a_folder_with_other_things_is_refused(tithe, play, plan):
    Path("mine").mkdir()
    Path("mine/thesis.txt").write_text("...")
    result = tithe("run", plan, "--out", "mine")
    assert result.exit_code == 2
    assert "mine is not empty and holds no run" in result.stderr
    assert tithe("run", plan, "--out", plan).exit_code == 2


def test_an_interrupted_run_says_how_to_go_on_and_does(tithe, play, plan):
    play.raises = Interrupted("stopped after round 1 of 2")
    result = tithe("run", plan, "--set", "seed=9")
    assert result.exit_code == 130
    assert result.stderr.splitlines() == [
        "tithe: stopped after round 1 of 2",
        "tithe: go on with: tithe run runs/small --resume",
    ]
    play.raises = None
    assert "did not finish; go on with `tithe run runs/small --resume`" in tithe("run", plan).stderr
    result = tithe("run", "runs/small", "--resume")
    assert result.exit_code == 0, result.output
    used, directory, options = play.calls[-1]
    assert (used.seed, directory, options["resume"]) == (9, Path("runs/small"), True)


def test_json_of_an_interrupted_run_has_the_command_that_goes_on(tithe, play, plan):
    play.raises = Interrupted("stopped")
    last = json.loads(tithe("run", plan, "--json").stdout.splitlines()[-1])
    assert (last["event"], last["exit_code"]) == ("interrupted", 130)
    assert last["resume"] == "tithe run runs/small --resume"


def test_resume_refuses_what_it_cannot_go_on_with(tithe, play, plan):
    result = tithe("run", plan, "--resume")
    assert result.exit_code == 2
    assert "runs/small holds no run to resume" in result.stderr
    play.raises = Interrupted("stopped")
    tithe("run", plan)
    result = tithe("run", plan, "--resume", "--set", "sharing.theta_u=0.25")
    assert result.exit_code == 2
    assert "begun with another plan (sharing.theta_u = 0.5, not 0.25)" in result.stderr
    play.raises = None
    tithe("run", plan, "--resume")
    result = tithe("run", plan, "--resume")
    assert result.exit_code == 2
    assert "there is nothing to resume" in result.stderr


def test_a_run_in_which_nobody_could_share_is_exit_code_3(tithe, play, plan):
    play.changes = {"num_shared": 0, "accuracies": {"joint": 0.1}}
    result = tithe("run", plan)
    assert result.exit_code == 3
    assert "10.00 %" in result.stdout


def test_an_unexpected_failure_is_one_sentence_and_exit_code_1(tithe, play, plan):
    play.raises = RuntimeError("the disk is on fire\nand so is the room")
    result = tithe("run", plan)
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        (
            "tithe: unexpected failure, RuntimeError the disk is on fire; "
            "TITHE_DEBUG=1 before the same command shows where"
        ),
        "tithe: and so is the room",
        "tithe: go on with: tithe run runs/small --resume",
    ]


def test_debug_shows_the_failure_itself(tithe, play, plan):
    play.raises = RuntimeError("the disk is on fire")
    result = tithe("--debug", "run", plan)
    assert result.exit_code == 1
    assert isinstance(result.exception, RuntimeError)


def test_a_key_that_does_nothing_does_not_stop_a_run(tithe, play, plan):
    assert tithe("run", plan, "--set", "server.beta=0.5").exit_code == 0
