"""Tensors with plain data on disk: whole, or the old file."""

from __future__ import annotations

import pytest
import torch

from tithe.checks import BadInput
from tithe.storage import load_tensors, save_tensors


def test_what_is_saved_is_read_back(tmp_path):
    tensors = {"a": torch.arange(6.0).view(2, 3).t(), "b": torch.tensor(7), "c": torch.zeros(0)}
    plain = {"turns": [1, 2], "name": "x"}
    save_tensors(tmp_path / "state", tensors, plain)
    back, told = load_tensors(tmp_path / "state")
    assert told == plain
    assert back.keys() == tensors.keys()
    assert all(torch.equal(back[name], tensors[name]) for name in tensors)


@pytest.mark.parametrize("content", [b"", b"junk", b"\x10" * 100])
def test_a_damaged_file_is_one_clear_sentence(tmp_path, content):
    (tmp_path / "state").write_bytes(content)
    with pytest.raises(BadInput, match="damaged"):
        load_tensors(tmp_path / "state")


def test_a_cut_file_is_one_clear_sentence(tmp_path):
    save_tensors(tmp_path / "state", {"a": torch.zeros(1000)})
    whole = (tmp_path / "state").read_bytes()
    (tmp_path / "state").write_bytes(whole[:-100])
    with pytest.raises(BadInput, match="damaged"):
        load_tensors(tmp_path / "state")


def test_a_missing_file_is_one_clear_sentence(tmp_path):
    with pytest.raises(BadInput, match="does not exist"):
        load_tensors(tmp_path / "state")


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    save_tensors(tmp_path / "state", {"a": torch.ones(3)}, 1)
    with pytest.raises(TypeError):
        save_tensors(tmp_path / "state", {"a": torch.zeros(3)}, {"not": object()})
    back, plain = load_tensors(tmp_path / "state")
    assert plain == 1 and back["a"].tolist() == [1, 1, 1]
    assert [path.name for path in tmp_path.iterdir()] == ["state"]
