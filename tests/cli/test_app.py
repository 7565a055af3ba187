"""The command as a whole."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import tithe as package
from tithe.cli.exit_codes import MEANINGS
from tithe.experiment import Progress, Summary

COMMANDS = ("demo", "run", "report", "predict", "plan", "account", "calibrate", "ledger", "data")


def test_help_names_every_subcommand_and_exit_code(tithe):
    result = tithe("--help")
    assert result.exit_code == 0
    for command in COMMANDS:
        assert command in result.stdout
    for code, meaning in MEANINGS.items():
        assert f"{code:<4} {meaning}" in result.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_subcommand_explains_itself(tithe, command):
    result = tithe(command, "--help")
    assert result.exit_code == 0
    assert f"tithe {command}" in result.stdout or command in result.stdout


def test_the_version_is_the_package_s(tithe):
    assert tithe("--version").stdout.strip() == package.__version__


def test_wrong_usage_is_exit_code_2(tithe):
    assert tithe("nonsense").exit_code == 2
    assert tithe("run").exit_code == 2
    assert tithe("run", "p.toml", "--nonsense").exit_code == 2


def test_python_m_tithe_is_tithe_and_needs_no_pytorch_for_help():
    code = (
        "import sys; sys.argv = ['tithe', '--help']\n"
        "import runpy\n"
        "try: runpy.run_module('tithe', run_name='__main__')\n"
        "except SystemExit as end: sys.exit(end.code or (99 if 'torch' in sys.modules else 0))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "Usage: tithe" in result.stdout


def test_the_documented_exit_codes_and_json_keys_are_the_real_ones():
    page = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")
    table = page.partition("## Exit codes")[2].partition("##")[0]
    codes = re.findall(r"^\| (\d+) \|", table, re.MULTILINE)
    assert [int(code) for code in codes] == list(MEANINGS)
    for each in (*fields(Progress), *fields(Summary)):
        assert f"`{each.name}`" in page
