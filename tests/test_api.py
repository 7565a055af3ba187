"""The names that ``import tithe`` promises."""

from __future__ import annotations

import subprocess
import sys

import pytest

import tithe


@pytest.mark.parametrize("name", tithe.__all__)
def test_every_promised_name_is_there(name):
    assert getattr(tithe, name) is not None


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = tithe.nonsense


def test_importing_tithe_does_not_wait_for_torch():
    code = "import sys, tithe; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
