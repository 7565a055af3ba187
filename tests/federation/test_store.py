"""The server's store: what it forgets is gone from its disk."""

from __future__ import annotations

import torch

from tithe.federation.store import Entry, UploadStore

MARKER = b"a marker of twenty-eight bytes"


def test_a_pruned_payload_is_nowhere_in_the_stores_files(tmp_path):
    store = UploadStore.open(tmp_path / "store", run=b"r" * 16, plan_hash=b"h" * 32)
    store.append(Entry("upload", 0, 0, 1, 0, 1, b"d" * 32, MARKER * 400))
    assert holds_marker(tmp_path / "store")
    for _ in range(3):
        store.save_snapshot({"parameters": torch.zeros(3)}, {})
        store.append(Entry("end_round", -1, 0, 2, 1, 0, b"", b""))
    assert not store.last_payloads(9)
    store.close()
    assert not holds_marker(tmp_path / "store")


def holds_marker(folder):
    return any(MARKER in path.read_bytes() for path in folder.rglob("*") if path.is_file())
