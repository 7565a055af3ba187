"""Every example runs as a reader would run it, in an empty folder, and says what it promises."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
PERCENT = r"\d+(\.\d+)? ?%"
PRINTED = {  # a line that each must print, as a pattern
    "hospitals/chest_xrays.py": r" +joint: sensitivity (9[0-9]|100)\.\d%, specificity [678]\d\.\d%",
    "own_data/hospitals.py": r"(1[5-9]|20) of 20 new patients diagnosed rightly",
    "private_sharing.py": r".* a total of epsilon 56\.5 \(delta 0\.0001\): (6[5-9]|[78]\d)\..*",
    "selective_sgd.py": r"5 participants .*: (8[5-9]|9\d)\.\d% of the test images right .*",
    "ten_lines.py": rf"5 participants sharing 10 % of their changes reached {PERCENT} together, .*",
}


def run_alone(example: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs the file in the folder, with one thread; the package need not be installed."""
    places = [str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    return subprocess.run(
        [sys.executable, str(example)],
        cwd=folder,
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, places)),
            "TMPDIR": str(folder),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


def test_every_example_that_can_be_run_is_run_here():
    says_how = {
        path.relative_to(EXAMPLES).as_posix()
        for path in EXAMPLES.rglob("*.py")
        if "\nRun: python examples/" in path.read_text(encoding="utf-8")
    }
    assert says_how == set(PRINTED)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", PRINTED)
def test_an_example_runs_in_an_empty_folder(name, tmp_path):
    done = run_alone(EXAMPLES / name, tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert any(re.fullmatch(PRINTED[name], line) for line in lines), done.stdout
    for line in lines:
        if line.startswith("page: "):
            assert (tmp_path / line.removeprefix("page: ")).stat().st_size > 0


def test_the_hospitals_leave_an_earlier_run_alone(tmp_path):
    earlier = tmp_path / "runs" / "hospitals-1" / "about.json"
    earlier.parent.mkdir(parents=True)
    earlier.write_text("{}")
    done = run_alone(EXAMPLES / "own_data" / "hospitals.py", tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^5 participants .* together, where one alone reached", done.stdout)
    assert earlier.read_text() == "{}"
    assert (tmp_path / "runs" / "hospitals-2" / "summary.json").exists()


def test_the_folder_of_an_example_explains_each_of_its_files():
    for folder in (path for path in EXAMPLES.iterdir() if (path / "README.md").exists()):
        readme = (folder / "README.md").read_text(encoding="utf-8")
        files = {path.name for path in folder.iterdir() if path.is_file()} - {"README.md"}
        assert not {name for name in files if f"`{name}`" not in readme}
