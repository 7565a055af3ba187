"""Journals to look at, and hands that change them from outside."""

from __future__ import annotations

import sqlite3

from tithe.storage.journal import Journal


def opened(path, *, kind="ledger", fingerprint="these data", **options):
    return Journal.open(path, kind=kind, fingerprint=fingerprint, **options)


def written(path, num_rows=5):
    """A journal with rows, closed; returns them and the last one's place."""
    with opened(path) as journal:
        for number in range(num_rows):
            journal.append({"number": number, "epsilon": 0.1 * number})
        return journal.rows(), journal.last


def changed(path, *statements):
    """Lets somebody else run SQL on a closed journal."""
    with sqlite3.connect(path) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()
