"""Plays a line's training and keeps the joint network and some of the uploads a server saw."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lines import Line
from torch import Tensor

from tithe.build import Built
from tithe.engines.in_process import InProcess
from tithe.engines.loop import Happening, Training
from tithe.learning.evaluate import evaluate
from tithe.learning.flat import write_vector
from tithe.ledger_folder import LedgerFolder
from tithe.parties.phase import Phase
from tithe.privacy.ledger import TallyLedger
from tithe.sharing.codec import decode
from tithe.sharing.update import SparseUpdate
from tithe.storage import load_tensors, save_tensors

WATCHED = (0, 1, 2)  # participants
TURNS = (0, 1, 3, 7)


@dataclass(frozen=True, eq=False)
class Watched:
    """One upload, and the parameters that its participant had downloaded, ``(d,)``."""

    participant: int
    turn: int
    downloaded: Tensor
    update: SparseUpdate


@dataclass(frozen=True, eq=False)
class Played:
    """What a training left: the joint parameters, its figures, and the uploads watched."""

    joint: Tensor
    figures: dict[str, Any]
    watched: list[Watched]


def phase_of(line: Line, built: Built) -> Phase:
    """The phase that the line is about."""
    return next(phase for phase in built.phases if phase.name == line.phase)


def play(line: Line, built: Built, *, kept: Path) -> Played:
    """Plays the line, unless what it left is kept already."""
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory() as folder:
            _save(kept, _played(line, built, Path(folder)))
    return _load(kept)


def _played(line: Line, built: Built, folder: Path) -> Played:
    phase = phase_of(line, built)
    is_private = line.unit != "none"
    ledgers = LedgerFolder(folder, phase.participants, run=line.slug, is_simulated=True)
    engine = InProcess(phase, ledgers if is_private else TallyLedger())
    training = Training(phase, engine)
    begun: dict[int, Tensor] = {}
    watched: list[Watched] = []
    bytes_up = bytes_down = num_turns = 0
    for happening in training.play():
        place = happening.move.participant
        if happening.move.kind == "start" and place in WATCHED:
            begun[place] = training.server.store.vector.clone()
        elif happening.turn is not None:
            bytes_up += len(happening.turn.payload)
            bytes_down += happening.bytes_down
            num_turns += 1
            if line.phase == "joint" and _is_watched(happening):
                update = decode(happening.turn.payload, size=phase.initial.numel())
                watched.append(Watched(place, happening.turn.number, begun[place], update))
    spent = ledgers.spent()[1] if is_private else {}
    ledgers.close()
    joint = training.server.store.joint
    module = phase.make_module()
    write_vector(module, joint)
    figures = {
        "accuracy": evaluate(module, built.test_features, built.test_labels).accuracy,
        "bytes_up": bytes_up,
        "bytes_down": bytes_down,
        "num_turns": num_turns,
        "num_parameters": phase.initial.numel(),
        "num_rows": sum(built.rows_each),
        "spent": spent,
    }
    return Played(joint, figures, watched)


def _is_watched(happening: Happening) -> bool:
    turn = happening.turn
    return (
        turn is not None
        and turn.status == "shared"
        and happening.move.participant in WATCHED
        and turn.number in TURNS
    )


def _save(path: Path, played: Played) -> None:
    tensors = {"joint": played.joint}
    plain = []
    for number, each in enumerate(played.watched):
        tensors[f"downloaded_{number}"] = each.downloaded
        tensors[f"indices_{number}"] = each.update.indices
        tensors[f"values_{number}"] = each.update.values
        plain.append([each.participant, each.turn])
    save_tensors(path, tensors, {"figures": played.figures, "watched": plain})


def _load(path: Path) -> Played:
    tensors, plain = load_tensors(path)
    size = tensors["joint"].numel()
    watched = [
        Watched(
            participant,
            turn,
            tensors[f"downloaded_{number}"],
            SparseUpdate(tensors[f"indices_{number}"], tensors[f"values_{number}"], size),
        )
        for number, (participant, turn) in enumerate(plain["watched"])
    ]
    return Played(tensors["joint"], plain["figures"], watched)
