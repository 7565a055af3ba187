"""A federation on digits in one process: a server, some sites, and a post office between them."""

from __future__ import annotations

import datetime as dt
from functools import cache

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.federation.post_office import PostOffice
from tithe.build import build
from tithe.engines.in_process import InProcess
from tithe.engines.loop import Training
from tithe.federation.attendance import Patience
from tithe.federation.audit_gates import AuditGates
from tithe.federation.central import Central
from tithe.federation.coordinator import Coordinator
from tithe.federation.gatekeeper import Gatekeeper
from tithe.federation.keys import public_bytes
from tithe.federation.owned import unwatched
from tithe.federation.party import party_in
from tithe.federation.policy import Policy
from tithe.federation.roster import Pinned, Roster
from tithe.federation.site import Site
from tithe.federation.store import UploadStore
from tithe.federation.terms import terms_of
from tithe.plan import load_plan

RUN = bytes(range(16))
PLAN = {
    "name": "federation",
    "data": {"train_rows": 90, "test_rows": 30},
    "partition": {"participants": 3},
    "model": {"name": "digits-mlp"},
    "training": {"batch_size": 10, "learning_rate": 0.1},
    "exchange": {"rounds": 3},
    "baselines": {"centralised": False, "standalone": 0},
}
SMALL_IS_ALLOWED = AuditGates(few_records="allow")  # each site here has 30 rows
PERMISSIVE = Policy(
    unit="none",
    secure_noise=False,
    epsilon=1000.0,
    drift_check=False,
    audit=SMALL_IS_ALLOWED,
)
KEYS = [Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in range(10)]
NODE_KEYS = [b"node key %d" % number for number in range(10)]


@cache
def plan_with(*overrides):
    return load_plan(PLAN, list(overrides))


@cache
def terms_with(*overrides):
    plan = plan_with(*overrides)
    return terms_of(plan, build(plan).phases[0], run=RUN)


@cache
def party_of(plan, number):
    return party_in(plan, number)


class AllowEverything:
    """A ledger that counts nothing, for the engine that is compared with."""

    def charge(self, *, participant, turn, events):
        return 0.0


def in_one_process(*overrides):
    """The store's state after the in-process engine has run the plan."""
    phase = terms_with(*overrides).phase
    training = Training(phase, InProcess(phase, AllowEverything()))
    list(training.play())
    return training.server.store.state()


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


def roster_of(count):
    return Roster(
        tuple(
            Pinned(number, f"site {number}", public_bytes(KEYS[number]), NODE_KEYS[number])
            for number in range(count)
        )
    )


class Federation:
    """All of it; ``turn_over`` lets everybody act once."""

    def __init__(self, folder, *overrides, count=3, policy=PERMISSIVE, patience=None, consent=True):
        self.folder, self.overrides = folder, overrides
        self.plan, self.terms = plan_with(*overrides), terms_with(*overrides)
        self.policy, self.count = policy, count
        self.patience = patience or Patience(turn_seconds=100.0, again_seconds=0.0)
        self.clock = Clock()
        self.office = PostOffice()
        self.screens = ()
        self.snapshot_entries = 1000
        self.passing = unwatched  # at the server
        self.site_passing = unwatched
        self.store = self.central = self.gatekeeper = self.coordinator = None
        self.sites = {}
        for number in range(count):
            self.open_site(number)
            if consent:
                party = party_of(self.plan, number)
                self.sites[number].consents.give(
                    self.plan, party, by="a test", at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
                )

    def _at_server(self, point):
        self.passing(point)

    def _at_site(self, point):
        self.site_passing(point)

    def open_server(self):
        self.close_server()
        self.store = UploadStore.open(
            self.folder / "server",
            run=RUN,
            plan_hash=self.terms.plan_hash,
            passing=self._at_server,
        )
        self.central = Central(self.terms, self.store, snapshot_entries=self.snapshot_entries)
        keys = {number: public_bytes(KEYS[number]) for number in range(self.count)}
        self.gatekeeper = Gatekeeper(self.terms, keys, screens=self.screens)
        self.coordinator = Coordinator(
            self.office,
            central=self.central,
            gatekeeper=self.gatekeeper,
            roster=roster_of(self.count),
            patience=self.patience,
            clock=self.clock,
        )

    def close_server(self):
        if self.store is not None:
            self.store.close()
            self.store = None

    def open_site(self, number):
        self.close_site(number)
        self.sites[number] = Site(
            self.folder / f"site-{number}",
            key=KEYS[number],
            policy=self.policy,
            make_party=lambda plan: party_of(plan, number),
            passing=self._at_site,
        )
        self.office.connect(100 + number, NODE_KEYS[number])

    def close_site(self, number):
        site = self.sites.pop(number, None)
        if site is not None:
            site.close()

    def attend(self, number):
        """The site answers the next message it finds, if there is one."""
        box = self.office.node(100 + number)
        found = box.pull()
        if found is not None:
            message_id, body = found
            box.answer(message_id, self.sites[number].handle(body))

    def turn_over(self):
        self.coordinator.step()
        for number in list(self.sites):
            self.attend(number)

    def play(self, *, at_most=400):
        if self.store is None:
            self.open_server()
        for _ in range(at_most):
            if self.coordinator.is_done:
                return
            self.turn_over()
        raise AssertionError("the training did not come to its end")

    def state(self):
        return self.central.server.store.state()

    def close(self):
        self.close_server()
        for number in list(self.sites):
            self.close_site(number)
