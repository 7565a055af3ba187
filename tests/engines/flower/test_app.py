"""The app for institutions with a SuperNode: Flower takes it, and it is a relay and no more."""

from __future__ import annotations

import ast
import io
import sys
import zipfile

import pytest
from flwr.cli.build import build_fab_from_disk
from flwr.cli.config_utils import get_fab_metadata

from tithe.engines.flower.control import APP
from tithe.engines.flower.letters import MESSAGE_TYPE


def test_flower_builds_the_app_and_nothing_but_its_own_files_travel():
    fab = build_fab_from_disk(APP)
    assert get_fab_metadata(fab) == ("tithe/tithe-relay", "1.0.0")
    with zipfile.ZipFile(io.BytesIO(fab)) as archive:
        names = {name for name in archive.namelist() if not name.startswith(".info")}
    assert names == {
        "pyproject.toml",
        "tithe_relay/__init__.py",
        "tithe_relay/client.py",
        "tithe_relay/letter.py",
        "tithe_relay/server.py",
    }


@pytest.mark.parametrize("side", ["client", "server", "letter"])
def test_the_app_imports_flower_and_the_standard_library_alone(side):
    tree = ast.parse((APP / "tithe_relay" / f"{side}.py").read_text())
    found = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert found <= {"flwr", "letter", *sys.stdlib_module_names}


def test_a_client_answers_to_what_the_server_sends():
    assert f"@app.{MESSAGE_TYPE}()" in (APP / "tithe_relay" / "client.py").read_text()
