"""``tithe audit insider`` on the command line."""

from __future__ import annotations

import json

PLAN = """
name = "ward"
[data]
set = "digits"
train_rows = 300
[partition]
participants = 2
[model]
name = "digits-mlp"
[exchange]
rounds = 1
[baselines]
centralised = false
standalone = 0
"""


def test_a_plan_is_played_and_leaves_a_report_beside_it(tithe, tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text(PLAN)
    brief = ("--class", "4", "--steps", "2", "--drawings", "2")
    done = tithe("audit", "insider", path, *brief)
    assert done.exit_code == 0, done.stderr
    assert "class 4" in done.stdout and "by a network without the class" in done.stdout
    folder = tmp_path / "plan-insider"
    page = (folder / "audit.html").read_text()
    assert "Drawing a class of" in page and page.count('class="rebuilt"') == 6
    told = json.loads((folder / "audit.json").read_text())
    assert told["kind"] == "insider" and len(told["drawn"]) == 3

    done = tithe("audit", "insider", path, *brief, "--public", "--json")
    told = json.loads(done.stdout)
    assert told["gallery"] == [] and told["gallery_words"]
    assert 'class="rebuilt"' not in (folder / "audit.html").read_text()


def test_a_class_that_there_is_not_is_one_sentence(tithe, tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text(PLAN)
    done = tithe("audit", "insider", path, "--class", "44")
    assert done.exit_code == 2
    assert "--class must be one of" in done.stderr and len(done.stderr.splitlines()) == 1
