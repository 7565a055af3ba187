"""``tithe audit rehearse`` on the command line."""

from __future__ import annotations

import json

PLAN = """
[data]
set = "digits"
train_rows = 200
[partition]
participants = 2
[model]
name = "digits-mlp"
[training]
batch_size = 32
[sharing]
theta_u = 0.1
[exchange]
rounds = 2
"""


def play_only(monkeypatch, *names):
    from tithe.run_audits import rehearsal

    few = rehearsal.trials_of
    monkeypatch.setattr(
        rehearsal,
        "trials_of",
        lambda plan, *, num_records: [
            each for each in few(plan, num_records=num_records) if each.name in names
        ],
    )


def test_a_rehearsal_prints_its_table_writes_json_and_sends_nothing(tithe, tmp_path, monkeypatch):
    play_only(monkeypatch, "as planned", "theta_u 1")
    path, out = tmp_path / "plan.toml", tmp_path / "found.json"
    path.write_text(PLAN)
    done = tithe("audit", "rehearse", str(path), "--records", "40", "--out", str(out))
    assert done.exit_code == 0, done.stderr
    assert "as planned" in done.stdout
    assert "selection is not protection" in done.stdout
    assert "None of these recipes is safe" in done.stdout
    told = json.loads(out.read_text())
    assert [each["name"] for each in told["recipes"]] == ["as planned", "theta_u 1"]
    assert told["recipes"][0]["epsilon"] == "inf"
    assert told["records"] == 40


def test_too_few_rows_are_one_sentence_and_exit_code_2(tithe, tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text(PLAN)
    done = tithe("audit", "rehearse", str(path), "--set", "data.train_rows=30")
    assert done.exit_code == 2
    assert "at least 40 rows" in done.stderr


def test_a_rehearsal_of_too_few_records_says_that_it_cannot_tell_and_what_would_do(
    tithe, tmp_path, monkeypatch
):
    play_only(monkeypatch, "noise, epsilon 1")
    path, out = tmp_path / "plan.toml", tmp_path / "found.json"
    path.write_text(PLAN)
    done = tithe("audit", "rehearse", path, "--records", "20", "--out", out)
    assert done.exit_code == 0, done.stderr
    assert "noise, epsilon 1 ?" in done.stdout and "noise, epsilon 1 *" not in done.stdout
    said = " ".join(done.stdout.split())
    assert "neither is a planted leak found among 60 pooled members and 60 others" in said
    assert "--records 57 or more, for which 114 rows are needed" in said
    assert "cheapest safe recipe" not in said
    told = json.loads(out.read_text())
    (recipe,) = told["recipes"]
    assert recipe["verdict"] == "cannot tell" and recipe["is_safe"] is False
    assert recipe["self_test"]["is_found"] is False and told["cheapest_safe"] is None
