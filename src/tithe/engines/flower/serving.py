"""A federation's server: a SuperLink that is kept alive, and the training at it."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from tithe.checks import BadInput
from tithe.engines.flower.carrying import Tell
from tithe.engines.flower.certificates import require_current
from tithe.engines.flower.patience import Backoff, Pace
from tithe.engines.flower.server_folder import ServerFolder, keep_status
from tithe.engines.flower.server_post import FlowerServerPost
from tithe.engines.flower.server_relay import RelayServerPost
from tithe.engines.flower.superlink import SuperLink
from tithe.federation.attendance import Patience
from tithe.federation.central import Central
from tithe.federation.coordinator import Coordinator
from tithe.federation.gatekeeper import Gatekeeper, Screen
from tithe.federation.roster import Roster
from tithe.federation.screening import read_screening, screens_of
from tithe.federation.store import UploadStore, run_of
from tithe.federation.terms import Terms, terms_of
from tithe.federation.watch import Measure, Watch
from tithe.parties.phase import Phase
from tithe.plan import Plan

_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 0.2
_LOOK_SECONDS = 0.5
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
    relay: Path | None = None,
    patience: Patience | None = None,
    measure: Measure | None = None,
    judge: Measure | None = None,
    is_over: threading.Event,
    tell: Tell,
    report: Tell = lambda _: None,
) -> Central:
    """Trains until the run is done or ``is_over`` is set, and returns what the server then knows.

    Called again on the same folder it goes on where it was, bit for bit, however it ended.

    Args:
      folder: of the server, with certificates unless there is a relay.
      terms: of the run in it.
      port: of the SuperLink, on loopback.
      relay: a socket where a ServerApp of somebody's own SuperLink fetches and brings messages;
        None starts a SuperLink.
      patience: how long it waits, and for how many.
      measure: how good the joint model is on rows of the server's own; told in its history.
      judge: another such measure, for a screen; the first is busy in a thread of its own.
      is_over: set by whoever wants it to stop.
      tell: told what a human should know, one sentence each.
      report: told how the training goes: who comes and goes, and what was measured.
    Raises:
      BadInput: a port, certificate, roster, file of screens or disk that cannot be used.
    """
    store = UploadStore.open(folder.store, run=terms.run, plan_hash=terms.plan_hash)
    with contextlib.closing(store):
        central = Central(terms, store)
        asked = read_screening(folder.screens_file)
        screens = screens_of(asked, central, store=store, measure=judge)
        watch = Watch(
            central,
            folder.path,
            store=folder.store,
            measure=measure,
            about=_about(folder, terms, has_superlink=relay is None),
            tell=report,
        )
        carried = _over_superlink(folder, port, tell) if relay is None else _over_relay(relay, tell)
        try:
            with carried as (post, keep):
                loop = _Loop(folder, central, post, patience=patience, watch=watch, screens=screens)
                loop.run(keep, is_over)
        finally:
            watch.close()
        central.snapshot()
    return central


@contextlib.contextmanager
def _over_superlink(
    folder: ServerFolder, port: int, tell: Tell
) -> Iterator[tuple[FlowerServerPost, Callable[[], None]]]:
    """A post at a SuperLink of our own, and what keeps that alive."""
    kept = KeptSuperLink(folder, port=port, tell=tell)
    try:
        with FlowerServerPost(
            kept.link.address,
            secret=kept.link.folder.secret.read_bytes(),
            node_keys=lambda: [each.node_key for each in folder.roster().participants],
            tell=tell,
        ) as post:
            yield post, kept.keep
    finally:
        kept.stop()


@contextlib.contextmanager
def _over_relay(path: Path, tell: Tell) -> Iterator[tuple[RelayServerPost, Callable[[], None]]]:
    """A post at somebody's own SuperLink, which its owner keeps alive."""
    with RelayServerPost(path, tell=tell) as post:
        yield post, lambda: None


def _about(folder: ServerFolder, terms: Terms, *, has_superlink: bool) -> dict[str, object]:
    """What the status says of a run that does not change while the server runs."""
    about: dict[str, object] = {"name": tomllib.loads(terms.plan_text).get("name", "")}
    if has_superlink:
        left = require_current(folder.certificates)
        about["certificate_until"] = time.time() + left.total_seconds()
    return about


class _Loop:
    """Steps the training, reads the roster when it changes, and writes the status down."""

    def __init__(
        self,
        folder: ServerFolder,
        central: Central,
        post: FlowerServerPost | RelayServerPost,
        *,
        patience: Patience | None,
        watch: Watch,
        screens: tuple[Screen, ...],
    ) -> None:
        self._screens = screens
        self._folder = folder
        self._central = central
        self._post = post
        self._patience = patience
        self._watch = watch
        self._roster = Roster(())
        self._gatekeeper: Gatekeeper | None = None
        self._coordinator = self._coordinated()
        self._next_status = 0.0

    def run(self, keep: Callable[[], None], is_over: threading.Event) -> None:
        """Until the training is over or somebody asks for an end."""
        pace = Pace(shortest=_PAUSE_SECONDS, longest=_LONGEST_PAUSE_SECONDS)
        while not (self._coordinator.is_done or is_over.is_set()):
            begun = time.monotonic()
            has_moved = self._coordinator.step()
            pace.looked(time.monotonic() - begun)
            if time.monotonic() >= self._next_status:
                keep()
                self._look_at_roster()
                self._watch.look()
                self._tell_status()
            if has_moved:
                pace.worked()
            else:
                is_over.wait(pace.seconds)
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
        gatekeeper = Gatekeeper(self._central.terms, known, screens=self._screens)
        if self._gatekeeper is not None:
            gatekeeper.take_over(self._gatekeeper)
        self._gatekeeper = gatekeeper
        return Coordinator(
            self._post,
            central=self._central,
            gatekeeper=gatekeeper,
            roster=self._roster,
            patience=replace(self._patience or Patience(), look_seconds=_LOOK_SECONDS),
            accepted=self._watch.accepted,
        )

    def _tell_status(self) -> None:
        self._next_status = time.monotonic() + _STATUS_SECONDS
        keep_status(self._folder.path, self._watch.status(self._coordinator.status()))
