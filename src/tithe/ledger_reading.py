"""What a ledger says, for who only looks: its terms, its total, its last turn, what is left."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from tithe.checks import BadInput
from tithe.plan import load_plan
from tithe.privacy.accounting import TotalCost, total_cost
from tithe.privacy.budget import Budget
from tithe.privacy.condensed import condensed
from tithe.privacy.events import Event, Unit, event_of
from tithe.privacy.gate import gate_of
from tithe.privacy.ledger import KIND, BudgetLedger, begun_order
from tithe.storage.journal import Journal

MOST_TURNS = 10_000


@dataclass(frozen=True)
class ChargedTurn:
    """One turn as it was charged.

    Attributes:
      run: which run it belongs to.
      turn: the participant's turn in that run.
      noise: ``"simulated"`` or ``"deployed"``.
      events: all that it released.
      alone: what it costs by itself, by every accountant.
      by_gate: what the gate counts for it alone.
      so_far: what the gate counted with all before it.
    """

    run: str
    turn: int
    noise: str
    events: tuple[Event, ...]
    alone: TotalCost
    by_gate: float
    so_far: float


@dataclass(frozen=True)
class Account:
    """One participant's account in a ledger, every row of it verified and counted.

    Attributes:
      participant: whose.
      terms: what it is counted for; its epsilon is the limit that was asked about, or infinite.
      num_turns: turns charged, in all runs.
      num_simulated: those whose noise came from a seed.
      runs: the names of the runs, in order.
      total: of everything, by every accountant.
      by_gate: of everything, as the gate counts.
      last: the last turn.
      turns: the turns that were asked about.
      num_left: how many more turns like the last one the limit allows; None without a limit.
    """

    participant: int
    terms: Budget
    num_turns: int
    num_simulated: int
    runs: tuple[str, ...]
    total: TotalCost
    by_gate: float
    last: ChargedTurn
    turns: tuple[ChargedTurn, ...]
    num_left: int | None


@dataclass(frozen=True)
class LedgerReading:
    """One ledger's file: where its chain ends, and whose accounts are in it."""

    path: Path
    sequence: int
    hash: str
    accounts: tuple[Account, ...]


def ledgers_in(path: Path) -> list[Path]:
    """The ledgers that a path means: a file, a run's folder, or a folder of ledgers.

    Raises:
      BadInput: there is none.
    """
    if not path.is_dir():
        return [path]
    folder = _folder_of(path)
    ledgers = sorted(folder.glob("*.sqlite")) if folder.is_dir() else []
    if not ledgers:
        where = "" if folder == path else f" in {folder}, where its run keeps them"
        raise BadInput(f"{path} holds no ledger{where}; only private runs have them")
    return ledgers


def read_ledger(
    path: Path,
    *,
    epsilon: float | None = None,
    turn: int | None = None,
    reached: tuple[int, str] | None = None,
) -> LedgerReading:
    """Reads and verifies one ledger; nothing in it is changed.

    Args:
      path: of its file.
      epsilon: a limit, > 0, to count the turns that are left; None asks about none.
      turn: a turn's number, to see what was charged for it; in each run there may be one.
      reached: sequence number and hash of a row that it once had, to see that it has it still.
    Raises:
      BadInput: it is none, is damaged or is held by another process; ``DamagedJournal`` is one.
    """
    reading = Journal.read(path, kind=KIND)
    if reached is not None:
        reading.require_reached(*reached)
    by_participant: dict[int, list[dict[str, Any]]] = {}
    for row in reading.rows:
        by_participant.setdefault(row.get("participant", -1), []).append(row)
    try:
        accounts = tuple(
            _account(participant, rows, epsilon=epsilon, asked=turn)
            for participant, rows in sorted(by_participant.items())
        )
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{path} holds rows that this version cannot count") from error
    return LedgerReading(path, *reading.last, accounts)


class _Rows:
    """The rows that were read, as a ledger takes them; it takes no new one."""

    def __init__(self, rows: Sequence[dict[str, Any]]) -> None:
        self._rows = list(rows)

    def append(self, row: Mapping[str, object]) -> int:
        """Refuses: who looks charges nothing."""
        raise BadInput("a ledger that is only read takes no new row")

    def rows(self) -> list[dict[str, Any]]:
        """All of them."""
        return list(self._rows)


def _account(
    participant: int, rows: list[dict[str, Any]], *, epsilon: float | None, asked: int | None
) -> Account:
    terms = _terms(rows[0], epsilon=epsilon)
    gate = gate_of(replace(terms, epsilon=1.0))  # it counts the same whatever the limit
    ledger = BudgetLedger(_Rows(rows), budget=terms, gate=gate, run="", is_simulated=True)
    events: list[Event] = []
    shown: list[ChargedTurn] = []
    for number, row in enumerate(rows, start=1):
        of_turn = [event_of(event) for event in row["events"]]
        events = condensed([*events, *of_turn])
        if number == len(rows) or row["turn"] == asked:
            alone, so_far = _total(tuple(of_turn), terms), gate(events)
            place = row["run"], row["turn"], row["noise"]
            shown.append(ChargedTurn(*place, tuple(of_turn), alone, gate(of_turn), so_far))
    last = shown[-1]
    num_left = None
    if epsilon is not None:
        num_left = ledger.num_turns_left(participant, last.events, at_most=MOST_TURNS)
    return Account(
        participant=participant,
        terms=terms,
        num_turns=len(rows),
        num_simulated=sum(row["noise"] == "simulated" for row in rows),
        runs=tuple(dict.fromkeys(row["run"] for row in rows)),
        total=_total(tuple(events), terms),
        by_gate=last.so_far,
        last=last,
        turns=tuple(each for each in shown if each.turn == asked),
        num_left=num_left,
    )


def _terms(row: dict[str, Any], *, epsilon: float | None) -> Budget:
    """What this row was counted for; ``BudgetLedger`` sees to it that all the others agree."""
    limit = math.inf if epsilon is None else epsilon
    order = begun_order(_Rows([row]))
    return Budget(limit, float(row["delta"]), row["unit"], row["relation"], order)


@lru_cache(maxsize=256)  # participants alike cost alike
def _cost(events: tuple[Event, ...], delta: float, unit: Unit) -> TotalCost:
    return total_cost(events, delta=delta, unit=unit)


def _total(events: tuple[Event, ...], terms: Budget) -> TotalCost:
    return _cost(events, terms.delta, terms.unit)


def _folder_of(path: Path) -> Path:
    """Where the ledgers of a run are, if the path is a run's folder; else the path itself."""
    if (path / "ledgers").is_dir() or not (path / "plan.toml").is_file():
        return path / "ledgers" if (path / "ledgers").is_dir() else path
    named = load_plan(path / "plan.toml").run.ledgers
    return Path(named).expanduser() if named else path
