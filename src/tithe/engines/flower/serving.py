"""A federation's server: a SuperLink that is kept alive, and the training at it."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from dataclasses import replace

from tithe.checks import BadInput
from tithe.engines.flower.carrying import Tell
from tithe.engines.flower.patience import Backoff
from tithe.engines.flower.server_folder import ServerFolder, keep_status
from tithe.engines.flower.server_post import FlowerServerPost
from tithe.engines.flower.superlink import SuperLink
from tithe.federation.attendance import Patience
from tithe.federation.central import Central
from tithe.federation.coordinator import Coordinator
from tithe.federation.gatekeeper import Gatekeeper
from tithe.federation.roster import Roster
from tithe.federation.store import UploadStore, run_of
from tithe.federation.terms import Terms, terms_of
from tithe.parties.phase import Phase
from tithe.plan import Plan

_PAUSE_SECONDS = 0.05
_STATUS_SECONDS = 1.0


class KeptSuperLink:
    """A SuperLink that is started again whenever it is found dead."""

    def __init__(self, folder: ServerFolder, *, port: int, tell: Tell) -> None:
        self._folder = folder
        self._port = port
        self._tell = tell
        self._backoff = Backoff()
        self.link = self._start()

    def keep(self) -> None:
        """Starts it again if it is gone."""
        if self.link.is_alive() or self._backoff.is_waiting:
            return
        self._tell("the SuperLink is gone and is started again")
        self._backoff.failed()
        with contextlib.suppress(BadInput):  # told of at the next try, which is later
            self.link = self._start()
            self._backoff.succeeded()

    def stop(self) -> None:
        """Ends it."""
        self.link.stop()

    def _start(self) -> SuperLink:
        certificates = self._folder.certificates
        return SuperLink.start(self._folder.superlink, port=self._port, certificates=certificates)


def terms_in(folder: ServerFolder, plan: Plan, phase: Phase) -> Terms:
    """The terms of the run that lies in the folder, or of a new one.

    Raises:
      BadInput: the folder holds the run of another plan.
    """
    found = run_of(folder.store)
    if found is not None and found[1].hex() != plan.digest():
        raise BadInput(
            f"{folder.path} holds a run of another plan ({found[1].hex()[:12]}...); "
            "a changed plan needs a folder of its own, and new consents"
        )
    return terms_of(plan, phase, run=found[0] if found else secrets.token_bytes(16))


def serve(
    folder: ServerFolder,
    terms: Terms,
    *,
    port: int,
    patience: Patience | None = None,
    is_over: threading.Event,
    tell: Tell,
) -> Central:
    """Trains until the run is done or ``is_over`` is set, and returns what the server then knows.

    Called again on the same folder it goes on where it was, bit for bit, however it ended.

    Args:
      folder: of the server, with certificates.
      terms: of the run in it.
      port: of the SuperLink, on loopback.
      patience: how long it waits, and for how many.
      is_over: set by whoever wants it to stop.
      tell: told what a human should know, one sentence each.
    Raises:
      BadInput: a port, certificate, roster or disk that cannot be used.
    """
    store = UploadStore.open(folder.store, run=terms.run, plan_hash=terms.plan_hash)
    with contextlib.closing(store):
        central = Central(terms, store)
        kept = KeptSuperLink(folder, port=port, tell=tell)
        try:
            post = FlowerServerPost(
                kept.link.address,
                secret=kept.link.folder.secret.read_bytes(),
                node_keys=lambda: [each.node_key for each in folder.roster().participants],
                tell=tell,
            )
            with post:
                _Loop(folder, central, post, patience).run(kept, is_over)
        finally:
            kept.stop()
        central.snapshot()
    return central


class _Loop:
    """Steps the training, reads the roster when it changes, and writes the status down."""

    def __init__(
        self,
        folder: ServerFolder,
        central: Central,
        post: FlowerServerPost,
        patience: Patience | None,
    ) -> None:
        self._folder = folder
        self._central = central
        self._post = post
        self._patience = patience
        self._roster = Roster(())
        self._coordinator = self._coordinated()
        self._next_status = 0.0

    def run(self, kept: KeptSuperLink, is_over: threading.Event) -> None:
        """Until the training is over or somebody asks for an end."""
        while not (self._coordinator.is_done or is_over.is_set()):
            has_moved = self._coordinator.step()
            if time.monotonic() >= self._next_status:
                kept.keep()
                self._look_at_roster()
                self._tell_status()
            if not has_moved:
                is_over.wait(_PAUSE_SECONDS)
        self._tell_status()

    def _look_at_roster(self) -> None:
        if self._folder.roster() != self._roster:
            self._coordinator = self._coordinated()
            self._post.admit()

    def _coordinated(self) -> Coordinator:
        """A coordinator for the roster as it is; what its predecessor asked is asked again."""
        self._roster = self._folder.roster()
        keys = {each.number: each.signing_key for each in self._roster.participants}
        known = {number: keys.get(number, bytes(32)) for number in self._central.places}
        return Coordinator(
            self._post,
            central=self._central,
            gatekeeper=Gatekeeper(self._central.terms, known),
            roster=self._roster,
            patience=replace(self._patience) if self._patience else None,
        )

    def _tell_status(self) -> None:
        self._next_status = time.monotonic() + _STATUS_SECONDS
        status = self._coordinator.status() | {"at": time.time(), "role": "server"}
        keep_status(self._folder.path, status)
