"""The rules of the house that no linter knows: what a file is called, and what it may say."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

import tithe

ROOT = Path(__file__).resolve().parents[1]
CODE = ("src", "tests", "examples", "experiments", "benchmarks")
TEXTS = {".css", ".html", ".js", ".md", ".py", ".toml", ".txt", ".yml"}
NOT_OURS = {"runs", "__pycache__"}
NAMELESS = {"utils", "util", "common", "helpers", "helper", "misc", "manager"}
MACHINE_PATH = re.compile(r"(?<![\w.~-])/(?:work|root|home|Users)/[\w.]")
SCRATCH_PATH = re.compile(r"(?<![\w.~-])/tmp/")


def files_under(*folders: str) -> list[Path]:
    """Our own files in these folders of the project, without caches and the output of runs."""
    return sorted(
        path.relative_to(ROOT)
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and not NOT_OURS.intersection(path.relative_to(ROOT).parts)
    )


def texts() -> dict[Path, str]:
    """Every text of the project with its place."""
    at_the_top = [path.relative_to(ROOT) for path in sorted(ROOT.iterdir()) if path.is_file()]
    paths = [path for path in [*at_the_top, *files_under(*CODE, "docs")] if path.suffix in TEXTS]
    return {
        path: (ROOT / path).read_text(encoding="utf-8")
        for path in [*paths, Path("Makefile"), Path(".ci/run")]
    }


def test_every_source_file_starts_with_a_sentence_that_says_what_it_is_for():
    starts = {
        str(path): (ast.get_docstring(ast.parse(text)) or "").partition("\n\n")[0].strip()
        for path, text in texts().items()
        if path.suffix == ".py" and (text.strip() or path.name != "__init__.py")
    }
    assert "src/tithe/__init__.py" in starts
    assert not {
        path: start for path, start in starts.items() if not start.endswith((".", "!", "?"))
    }


def test_no_file_is_a_room_for_what_nobody_could_name():
    words = {
        str(path): set(re.split(r"[\W_]+", str(path.with_suffix("")).lower()))
        for path in files_under(*CODE, "docs")
    }
    assert not [path for path in words if words[path] & NAMELESS]


def test_no_text_names_a_place_on_somebodys_machine():
    found = [
        f"{path}:{number}: {line.strip()}"
        for path, text in texts().items()
        for number, line in enumerate(text.splitlines(), start=1)
        if MACHINE_PATH.search(line) or (path.suffix != ".py" and SCRATCH_PATH.search(line))
    ]
    assert not found


def test_a_machine_path_is_seen_and_an_address_is_not():
    assert MACHINE_PATH.search("see " + "/work" + "/main/README.md")
    assert MACHINE_PATH.search("'" + "/home" + "/ann/data'")
    assert SCRATCH_PATH.search("--out " + "/tmp" + "/run")
    assert not MACHINE_PATH.search("https://example.org/work/paper.pdf or frame/work/x")
    assert not SCRATCH_PATH.search("$HOME/tmp/run")


def test_every_test_folder_mirrors_a_folder_of_the_package():
    folders = {path.parent.relative_to("tests") for path in files_under("tests")}
    assert not [str(folder) for folder in folders if not (ROOT / "src" / "tithe" / folder).is_dir()]


def test_the_makefile_explains_each_of_its_commands():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split()
    assert set(phony) == set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))


def test_the_version_is_the_one_of_the_project_file():
    if tithe.__version__ == "0+source":
        pytest.skip("tithe runs from a source folder that was never installed")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert tithe.__version__ == project["version"]
