"""README.md keeps its word: what it says can be run, runs.

A block of ``bash`` or ``python`` under ``<!-- ci -->`` is executed, all of them in order in one
empty folder, as a reader would. ``<!-- ci: rounds=12 => rounds=1; mnist => digits -->`` makes a
block smaller first. Every ``tithe`` and ``make`` command the page names must exist, run or not.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.main import get_command

from tithe.cli.app import app

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCE = re.compile(
    r"^(?:<!-- ci(?P<mark>:.*?)? -->\s*\n)?```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
COMMAND = re.compile(r"^(?:\$ )?(?:[A-Z_]+=\S* )*(tithe|make)(?: |$)")


@dataclass(frozen=True)
class Block:
    """A fenced block of the page, ready to run."""

    language: str
    text: str


def marked_blocks(page: str) -> list[Block]:
    """The blocks under a ci comment, made smaller as the comment says."""
    return [
        Block(language=fence["language"], text=smaller(fence["text"], fence["mark"] or ""))
        for fence in FENCE.finditer(page)
        if fence[0].startswith("<!-- ci")
    ]


def smaller(text: str, mark: str) -> str:
    """Replaces each ``before => after`` of the mark; a before that is not there is a mistake."""
    for replacement in filter(None, mark.removeprefix(":").split(";")):
        before, arrow, after = (part.strip() for part in replacement.partition("=>"))
        if not arrow or before not in text:
            raise ValueError(f"the ci comment must say 'before => after', got {replacement!r}")
        text = text.replace(before, after)
    return text


def commands(page: str) -> list[str]:
    """Every ``tithe …`` and ``make …`` that the page writes as code, in a block or in a line."""
    shell = [fence["text"] for fence in FENCE.finditer(page) if fence["language"] in {"bash", "sh"}]
    lines = "\n".join(shell).replace("\\\n", " ").splitlines()
    spans = INLINE.findall(FENCE.sub("", page))
    parts = [part.strip() for line in lines for part in re.split(r"&&|\|\||[|;]", line)]
    return [code.removeprefix("$ ") for code in [*parts, *spans] if COMMAND.match(code)]


def words_of(command: str) -> list[str]:
    """The words of a command from ``tithe`` or ``make`` on, without its comment."""
    words = shlex.split(command, comments=True)
    return words[next(i for i, word in enumerate(words) if word in {"tithe", "make"}) :]


def complaint_about_tithe(words: list[str]) -> str | None:
    """What is wrong with a tithe command line: a subcommand or an option that does not exist."""
    group = get_command(app)
    arguments = words[1:]
    command = group
    if arguments and not arguments[0].startswith("-") and not arguments[0].isupper():
        command = group.commands.get(arguments[0])
        if command is None:
            return f"there is no subcommand {arguments[0]!r}"
        while hasattr(command, "commands") and len(arguments) > 1:
            arguments = arguments[1:]
            command = command.commands.get(arguments[0], command)
    known = {name for option in command.params for name in [*option.opts, *option.secondary_opts]}
    given = {word.partition("=")[0] for word in arguments if re.match(r"--?[a-z]", word)}
    unknown = sorted(given - known - {"--help"})
    return f"there is no option {unknown[0]!r}" if unknown else None


def complaint_about_make(words: list[str]) -> str | None:
    """What is wrong with a make command line: a target that does not exist."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    asked = [word for word in words[1:] if "=" not in word and not word.startswith("-")]
    unknown = [word for word in asked if word not in targets]
    return f"there is no target {unknown[0]!r}" if unknown else None


@pytest.mark.parametrize("command", sorted(set(commands(README))))
def test_every_command_the_readme_names_exists(command):
    words = words_of(command)
    complaint = {"tithe": complaint_about_tithe, "make": complaint_about_make}[words[0]](words)
    assert complaint is None, f"README names `{command}`, but {complaint}"


@pytest.mark.timeout(400)
def test_every_marked_block_of_the_readme_runs(tmp_path):
    blocks = marked_blocks(README)
    assert blocks, "README.md marks no block with <!-- ci -->, so nothing shows that it is true"
    for folder in ("examples", "experiments"):
        if (ROOT / folder).is_dir():
            shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("runs"))
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
        "NO_COLOR": "1",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    for number, block in enumerate(blocks):
        if block.language == "python":
            script = tmp_path / f"block_{number}.py"
            script.write_text(block.text, encoding="utf-8")
            arguments = [sys.executable, script.name]
        else:
            arguments = ["bash", "-euo", "pipefail", "-c", block.text]
        done = subprocess.run(
            arguments,
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"this block of README.md fails:\n{block.text}\n{done.stdout}"


def test_only_marked_blocks_are_run_and_their_comment_makes_them_smaller():
    marked = "<!-- ci: 12 => 1; mnist => digits -->\n```bash\ntithe run mnist 12\n```\n"
    page = marked + "```bash\nrm x\n```\n"
    assert marked_blocks(page) == [Block(language="bash", text="tithe run digits 1\n")]


def test_a_replacement_that_no_longer_fits_its_block_is_refused():
    with pytest.raises(ValueError, match="before => after"):
        marked_blocks("<!-- ci: rounds=12 => rounds=1 -->\n```bash\ntithe demo\n```\n")


def test_commands_are_found_in_blocks_and_in_lines():
    block = "```bash\nX=1 tithe run a.toml \\\n  --quiet  # once\n```\n"
    page = "Try `make demo DATA=mnist` or `tithe`.\n" + block
    assert [words_of(command) for command in commands(page)] == [
        ["tithe", "run", "a.toml", "--quiet"],
        ["make", "demo", "DATA=mnist"],
        ["tithe"],
    ]


def test_a_command_that_does_not_exist_is_complained_about():
    assert complaint_about_make(["make", "coffee"]) == "there is no target 'coffee'"
    assert complaint_about_make(["make", "demo", "DATA=mnist"]) is None
    assert complaint_about_tithe(["tithe", "brew"]) == "there is no subcommand 'brew'"
    assert (
        complaint_about_tithe(["tithe", "run", "a.toml", "--milk"]) == "there is no option '--milk'"
    )
    assert complaint_about_tithe(["tithe", "run", "a.toml", "--help"]) is None
