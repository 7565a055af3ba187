"""The guide for two hosts: its commands exist, its files are read, and its units are sound."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import typer.main

from tithe.cli.app import app
from tithe.federation.policy import Policy, read_policy
from tithe.plan import load_plan

DOCS = Path(__file__).parents[1] / "docs"
GUIDE = DOCS / "guide" / "deploy.md"
UNITS = sorted((DOCS / "deploy" / "systemd").glob("*.service"))


def blocks(kind):
    return re.findall(rf"```{kind}\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)


def joined(text):
    """Lines, with those put together that a backslash broke."""
    return text.replace("\\\n", " ").splitlines()


def commands():
    """Every ``tithe`` command of the guide, the units and the container file."""
    lines = [line for block in blocks("bash") for line in joined(block)]
    for unit in UNITS:
        lines += [
            line.removeprefix("ExecStart=/opt/tithe/bin/")
            for line in joined(unit.read_text(encoding="utf-8"))
            if line.startswith("ExecStart=")
        ]
    return [shlex.split(line) for line in lines if line.startswith("tithe ")]


def known(words):
    """The command that these words begin with, and its options."""
    found = typer.main.get_command(app)
    for word in words:
        if word not in getattr(found, "commands", {}):
            break
        found = found.commands[word]
    return found, {name for each in found.params for name in each.opts + each.secondary_opts}


def test_there_are_commands_to_look_at():
    names = {words[1] for words in commands()}
    assert {"keys", "enrol", "consent", "serve", "join", "status", "ledger", "leave"} <= names


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_and_each_of_its_options_exists(words):
    command, options = known(words[1:])
    if words[1] != "--version":
        assert not hasattr(command, "commands"), f"{words[1]} is no command"
    used = {word for word in words if word.startswith("--")}
    assert used <= options | {"--help"}


def file_in_guide(name):
    text = GUIDE.read_text(encoding="utf-8")
    return re.search(rf"<!-- file: {re.escape(name)} -->\n```toml\n(.*?)```", text, re.DOTALL)[1]


def test_the_plan_of_the_guide_is_a_plan(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text(file_in_guide("plan.toml"))
    plan = load_plan(path)
    assert plan.privacy.unit == "record"
    assert plan.privacy.noise == "secure"


def test_the_policy_of_the_guide_is_a_policy_and_its_table_names_every_key(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text(file_in_guide("policy.toml"))
    assert read_policy(path).unit == "record"
    table = GUIDE.read_text(encoding="utf-8").partition("### Policy")[2].partition("##")[0]
    named = set(re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\| (.*?) \|", table, re.MULTILINE))))
    assert named == set(Policy.model_fields)


def test_every_link_of_the_guide_leads_somewhere():
    text = GUIDE.read_text(encoding="utf-8")
    anchors = {
        re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in text.splitlines()
        if line.startswith("#")
    }
    for target in re.findall(r"\]\(([^)]+)\)", text):
        path, _, anchor = target.partition("#")
        assert (GUIDE.parent / path).exists() if path else anchor in anchors, target


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_is_sound_for_systemd(unit, tmp_path):
    text = unit.read_text(encoding="utf-8")
    assert "/opt/tithe/bin/tithe" in text  # it is not installed there on this machine
    path = tmp_path / unit.name
    path.write_text(text.replace("/opt/tithe/bin/tithe", shutil.which("true")))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
