"""The participants' journals of what they sent in a run, and the quick look at every upload."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from torch import Tensor

from tithe.build import Built
from tithe.build.upload_look import UploadLook
from tithe.checks import BadInput
from tithe.federation.owned import owned_folder
from tithe.parties.participant import Participant, Turn
from tithe.parties.upload_facts import upload_facts
from tithe.plan import Plan
from tithe.record import read_about
from tithe.storage.uploads import JOURNAL, UploadJournal

FOLDER = "sent"
MOST_OPEN = 64  # each takes four file descriptors


class UploadFolder:
    """A journal for every participant of a simulation, in a folder for its owner alone.

    Args:
      folder: made where there is none.
      plan: of the run.
      built: of the same plan.
      run: names the run.
    """

    def __init__(self, folder: Path, *, plan: Plan, built: Built, run: str) -> None:
        self._folder = owned_folder(folder)
        self._plan = plan
        self._built = built
        self._run = run
        self._open: dict[int, UploadJournal] = {}  # the last is the newest in use
        self._looks: dict[int, UploadLook] = {}

    def note(self, participant: Participant, downloaded: Tensor, turn: Turn) -> None:
        """Writes down what a turn sends, if it sends anything; durable on return.

        Args:
          participant: whose turn it was.
          downloaded: its parameters when the turn began, shape ``(d,)``.
          turn: what came of it.
        """
        if turn.status != "shared":
            return
        check = self._look(participant).at(
            turn.payload, downloaded, learning_rate=turn.learning_rate
        )
        self._journal(participant.number).note(
            participant=participant.number,
            turn=turn.number,
            payload=turn.payload,
            downloaded=downloaded,
            facts={
                **upload_facts(participant, turn),
                "recipe": recipe_of(self._plan, participant.number),
                "plan_digest": self._plan.digest(),
                "check": asdict(check),
            },
        )

    def close(self) -> None:
        """Lets go of all journals."""
        while self._open:
            self._close_idlest()

    def _look(self, participant: Participant) -> UploadLook:
        number = participant.number
        if number not in self._looks:
            self._looks[number] = UploadLook(
                participant,
                self._built.phases[0].make_module,
                (self._built.test_features, self._built.test_labels),
                num_classes=self._built.num_classes,
                sends_largest=self._plan.sends_largest(number),
            )
        return self._looks[number]

    def _journal(self, number: int) -> UploadJournal:
        if number in self._open:
            self._open[number] = self._open.pop(number)
            return self._open[number]
        if len(self._open) >= MOST_OPEN:
            self._close_idlest()
        folder = owned_folder(folder_of(self._folder, number))
        self._open[number] = UploadJournal(folder, run=self._run)
        return self._open[number]

    def _close_idlest(self) -> None:
        self._open.pop(next(iter(self._open))).close()


def uploads_of(plan: Plan, built: Built, directory: Path) -> UploadFolder:
    """The journals of a run, in its own folder."""
    return UploadFolder(
        directory / FOLDER, plan=plan, built=built, run=run_in(directory, plan=plan)
    )


def run_in(directory: Path, *, plan: Plan) -> str:
    """The name of the run in a folder; the plan's digest where an old one has none."""
    return str(read_about(directory).get("run", plan.digest()))


def recipe_of(plan: Plan, number: int) -> dict[str, object]:
    """What decides which values of a participant leave, and how they are protected."""
    sharing = plan.for_participant(number).sharing
    privacy = plan.privacy
    return {
        "selection": sharing.selection,
        "theta_u": sharing.theta_u,
        "gamma": sharing.gamma,
        "tau": sharing.tau,
        "values": sharing.values,
        "unit": privacy.unit,
        "mechanism": str(privacy.mechanism) if privacy.unit == "participant" else "",
    }


def folder_of(folder: Path, number: int) -> Path:
    """Where a participant's journal lies."""
    return folder / f"participant-{number:04d}"


def journals_in(path: Path) -> list[Path]:
    """The folders of the journals that a path means: one itself, or those of a run.

    Raises:
      BadInput: there is none.
    """
    if (path / JOURNAL).exists():
        return [path]
    if (path / FOLDER / JOURNAL).exists():  # a run at a participant's own site
        return [path / FOLDER]
    inside = path / FOLDER if (path / FOLDER).is_dir() else path
    found = sorted(each.parent for each in inside.glob(f"*/{JOURNAL}"))
    if not found:
        raise BadInput(
            f"{path} holds no journal of what was sent; a run keeps it with "
            "--set run.keep_uploads=true"
        )
    return found
