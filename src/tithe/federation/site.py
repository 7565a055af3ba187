"""A participant's site: what it answers to each message, whoever carries them."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tithe.checks import BadInput
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
from tithe.federation.party import Party, require_size
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
      tell: told what a human here should know, one sentence each.
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
        tell: Callable[[str], None] = unwatched,
    ) -> None:
        self._directory = owned_folder(directory)
        self._key = key
        self._policy = policy
        self._make_party = make_party
        self._now = now
        self._passing = passing
        self._tell = tell
        self._told_before: set[str] = set()
        self.consents = Consents(directory / "consents")
        self._run: bytes = b""
        self._plan: Plan | None = None
        self._party: Party | None = None
        self._turns: SiteRun | None = None
        self._last_status: dict[str, object] = {"run": "", "plan": "", "turns": 0, "epsilon": 0.0}

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
        """What this participant may see of itself: run, turns, ledger, offers without consent.

        Of a run that is over it tells what was true at its end.
        """
        if self._turns is not None and self._plan is not None:
            self._last_status = _status_of(self._turns, self._plan, self._run)
        return {
            **self._last_status,
            "is_running": self._turns is not None,
            "offers": [str(path) for path in self.consents.offers()],
        }

    @property
    def has_left(self) -> bool:
        """Whether somebody here withdrew the consent to the run that is under way."""
        if self._turns is None or self._plan is None:
            return False
        return self.consents.of(self._plan.digest()) is None

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
            self.status()
            self.close()
            self._tell(f"the run of {self._plan.name} is over; the server needs nothing more of it")
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
            self.consents.keep_offer(plan, size=offer.size)
            return RefusalCode.CONSENT
        return self._take_up(offer.run, plan, size=offer.size)

    def _take_up(self, run: bytes, plan: Plan, *, size: int | None = None) -> RefusalCode | None:
        if self._turns is not None and (run, plan) == (self._run, self._plan):
            return None
        if not self._policy.allows_code_of(plan):
            self._tell_once(f"your policy forbids {plan.name}: it names {plan.model.name} to run")
            return RefusalCode.POLICY
        party = self._make_party(plan)
        if size is not None and not self._fits(party, size):
            return RefusalCode.MALFORMED
        reasons = self.reasons_against(plan, party)
        for reason in reasons:
            self._tell_once(f"your policy forbids {plan.name}: {reason}")
        if reasons:
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
            tell=self._tell,
        )
        self._run, self._plan, self._party = run, plan, party
        return None

    def _fits(self, party: Party, size: int) -> bool:
        try:
            require_size(party, size)
        except BadInput as error:
            self._tell_once(str(error))
            return False
        return True

    def _tell_once(self, sentence: str) -> None:
        """A server asks again every few seconds; a human is told once."""
        if sentence not in self._told_before:
            self._told_before.add(sentence)
            self._tell(sentence)

    def _download(self, download: Download) -> bytes:
        """The answer to a download: of the run that was agreed to, within consent and policy."""
        turns, code = self._turns_of(download.run)
        if turns is not None and turns.has_answered(download):
            return turns.answer(download, now=self._now().timestamp())
        code = code or self._limit()
        if turns is None or code is not None:
            code = code or RefusalCode.RUN
            return write_frame(Refusal(download.run, download.turn, download.sequence, code))
        refused = turns.was_refused(download)
        if refused is not None:
            self._tell(
                f"the server did not take the upload of turn {refused}, whose cost stays in your "
                "ledger; ask who runs it for the reason, and whether it has your card"
            )
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


def _status_of(turns: SiteRun, plan: Plan, run: bytes) -> dict[str, object]:
    budget = turns.budget
    return {
        "run": run.hex(),
        "plan": plan.digest(),
        "name": plan.name,
        "turns": turns.num_turns,
        "most_turns": plan.exchange.rounds,
        "epsilon": turns.epsilon,
        "budget": None if budget is None else budget.epsilon,
        "delta": None if budget is None else budget.delta,
        "unit": None if budget is None else budget.unit,
        "charges": turns.mark.sequence,
        "ledger": turns.mark.digest.hex(),
        "answered_at": turns.answered_at[-1] if turns.answered_at else None,
        "accuracy": turns.accuracy,
    }


def plan_from(text: str) -> Plan:
    """The plan in a TOML text, which is never taken for a path.

    Raises:
      BadPlan: it is none.
    """
    try:
        return load_plan(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadPlan([f"the plan is no TOML: {error}"]) from error
