"""A participant's site: what it answers to each message, whoever carries them."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tithe.federation.consent import Consents
from tithe.federation.frames import (
    Agreed,
    Download,
    Frame,
    MalformedFrame,
    Offer,
    Refusal,
    RefusalCode,
    Stop,
    longest_payload,
    read_frame,
    write_frame,
)
from tithe.federation.owned import Passing, owned_folder, unwatched
from tithe.federation.party import Party
from tithe.federation.policy import Policy
from tithe.federation.site_run import SiteRun
from tithe.plan import BadPlan, Plan, load_plan
from tithe.record import write_atomically
from tithe.sharing.codec import LARGEST_SIZE

_NOBODY = bytes(16)  # stands for the run in the answer to what names none
_FIRST_LIMIT = 1 << 30  # bytes; before a run was agreed to, d is not known


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Site:
    """Holds a participant's data, policy, consents, ledger and state, and takes its turns.

    It answers every message with a frame of ``frames``: an upload that was charged, an agreement,
    or a refusal by code. One run is under way at a time; it survives a restart.

    Guarantee: what leaves is what ``SiteRun`` made under a plan that somebody here consented to and
    that the policy allows; no message can change policy, consents or ledger.

    Args:
      directory: all of it, for its owner alone.
      key: its uploads are signed with it.
      policy: what is allowed.
      make_party: makes of a plan what this participant carries out, from its own rows.
      now: the wall clock.
      passing: told the points at which a crash would leave something half done.
    """

    def __init__(
        self,
        directory: Path,
        *,
        key: Ed25519PrivateKey,
        policy: Policy,
        make_party: Callable[[Plan], Party],
        now: Callable[[], dt.datetime] = _now,
        passing: Passing = unwatched,
    ) -> None:
        self._directory = owned_folder(directory)
        self._key = key
        self._policy = policy
        self._make_party = make_party
        self._now = now
        self._passing = passing
        self.consents = Consents(directory / "consents")
        self._run: bytes = b""
        self._plan: Plan | None = None
        self._party: Party | None = None
        self._turns: SiteRun | None = None

    def handle(self, body: bytes) -> bytes:
        """The answer to one message from the server.

        Raises:
          BadInput: ledger, state or disk cannot be used here; nothing may be answered, and the
            sentence is for this participant alone.
        """
        try:
            frame = read_frame(body, most_payload=self._most_payload())
        except MalformedFrame:
            return write_frame(Refusal(_NOBODY, 0, 0, RefusalCode.MALFORMED))
        if isinstance(frame, Download):
            return self._download(frame)
        return write_frame(self._told(frame))

    def reasons_against(self, plan: Plan, party: Party) -> list[str]:
        """Why the policy forbids this plan today, one sentence each."""
        return self._policy.reasons_against(plan, party.participant, today=self._now().date())

    def status(self) -> dict[str, object]:
        """What this participant may see of itself: run, turns, epsilon, offers without consent."""
        turns = self._turns
        return {
            "run": self._run.hex(),
            "plan": self._plan.digest() if self._plan else "",
            "turns": turns.num_turns if turns else 0,
            "epsilon": turns.epsilon if turns else 0.0,
            "offers": [str(path) for path in self.consents.offers()],
        }

    def close(self) -> None:
        """Lets go of ledger and journals."""
        if self._turns is not None:
            self._turns.close()
            self._turns = None

    def _most_payload(self) -> int:
        if self._party is None:
            return _FIRST_LIMIT
        return longest_payload(size=self._party.size, num_entries=self._party.size)

    def _told(self, frame: Frame) -> Frame:
        """The answer to everything but a download."""
        if isinstance(frame, Offer):
            code = self._weigh(frame)
            if code is None:
                return Agreed(frame.run, frame.plan_hash)
            return Refusal(frame.run, 0, 0, code)
        if isinstance(frame, Stop) and self._turns is not None and frame.run == self._run:
            assert self._plan is not None
            self.close()
            self._run_file().unlink(missing_ok=True)
            return Agreed(frame.run, bytes.fromhex(self._plan.digest()))
        return Refusal(frame.run, 0, 0, RefusalCode.RUN)

    def _weigh(self, offer: Offer) -> RefusalCode | None:
        """Takes the run up if the plan is consented to and allowed; else says which it is not."""
        try:
            plan = plan_from(offer.plan_text)
        except BadPlan:
            return RefusalCode.MALFORMED
        plan_hash = plan.digest()
        if bytes.fromhex(plan_hash) != offer.plan_hash or not 0 < offer.size <= LARGEST_SIZE:
            return RefusalCode.MALFORMED
        if self.consents.of(plan_hash) is None:
            self.consents.keep_offer(plan)
            return RefusalCode.CONSENT
        return self._take_up(offer.run, plan, size=offer.size)

    def _take_up(self, run: bytes, plan: Plan, *, size: int | None = None) -> RefusalCode | None:
        if self._turns is not None and (run, plan) == (self._run, self._plan):
            return None
        if not self._policy.allows_code_of(plan):
            return RefusalCode.POLICY
        party = self._make_party(plan)
        if size is not None and size != party.size:
            return RefusalCode.MALFORMED
        if self.reasons_against(plan, party):
            return RefusalCode.POLICY
        self.close()
        folder = owned_folder(owned_folder(self._directory / "runs") / run.hex())
        write_atomically(folder / "plan.toml", plan.to_toml().encode())
        write_atomically(self._run_file(), run.hex().encode())
        self._turns = SiteRun(
            folder,
            self._directory / "ledger.sqlite",
            run=run,
            party=party,
            key=self._key,
            has_drift_check=self._policy.drift_check,
            passing=self._passing,
        )
        self._run, self._plan, self._party = run, plan, party
        return None

    def _download(self, download: Download) -> bytes:
        """The answer to a download: of the run that was agreed to, within consent and policy."""
        turns, code = self._turns_of(download.run)
        if turns is not None and turns.has_answered(download):
            return turns.answer(download, now=self._now().timestamp())
        code = code or self._limit()
        if turns is None or code is not None:
            code = code or RefusalCode.RUN
            return write_frame(Refusal(download.run, download.turn, download.sequence, code))
        return turns.answer(download, now=self._now().timestamp())

    def _turns_of(self, run: bytes) -> tuple[SiteRun | None, RefusalCode | None]:
        """The run under way, taken up again after a restart."""
        if self._turns is None and self._run_file().exists():
            if self._run_file().read_text(encoding="utf-8") != run.hex():
                return None, RefusalCode.RUN
            path = self._directory / "runs" / run.hex() / "plan.toml"
            plan = plan_from(path.read_text(encoding="utf-8"))
            code = self._take_up(run, plan)
            if code is not None:
                return None, code
        return (self._turns, None) if run == self._run else (None, RefusalCode.RUN)

    def _limit(self) -> RefusalCode | None:
        """Whether consent, policy and clock still allow a turn."""
        if self._turns is None or self._plan is None or self._party is None:
            return RefusalCode.RUN
        if self.consents.of(self._plan.digest()) is None:
            return RefusalCode.CONSENT
        now = self._now()
        if self._policy.until is not None and now.date() > self._policy.until:
            return RefusalCode.ENDED
        last_hour = [at for at in self._turns.answered_at if now.timestamp() - at < 3600]
        return RefusalCode.LATER if len(last_hour) >= self._policy.turns_per_hour else None

    def _run_file(self) -> Path:
        return self._directory / "run"


def plan_from(text: str) -> Plan:
    """The plan in a TOML text, which is never taken for a path.

    Raises:
      BadPlan: it is none.
    """
    try:
        return load_plan(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadPlan([f"the plan is no TOML: {error}"]) from error
