"""What one of Ray's actors does with a message: it takes the turn that the message describes.

An actor keeps the training's data and network, and nothing of any participant: whoever has the
next turn may be served by another. So a message brings all that its participant carries over, and
the reply takes it back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from flwr.app import Context, Message, RecordDict
from flwr.clientapp import ClientApp
from torch import Tensor, nn

from tithe.engines.flower.turn_records import MESSAGE_TYPE, content_of, read
from tithe.engines.held_turns import held_from_tensors, held_to_tensors
from tithe.engines.kept_states import states_from_tensors, states_to_tensors
from tithe.engines.paid_turns import Paid
from tithe.parties.participant import ParticipantState, Turn, take_turn
from tithe.parties.phase import Phase
from tithe.privacy.events import Event, event_of, row_of
from tithe.privacy.ledger import Ledger


@dataclass(frozen=True)
class Question:
    """A turn to take.

    Attributes:
      phase: number of the training, as the simulation was given it.
      place: of the participant in it.
      state: what the participant carries over.
      downloaded: its parameters after the download was laid over, shape ``(d,)``.
      fresh: the indices that the download overwrote; None: all.
      epsilon: what it has spent, this turn included, where the turn was charged ahead.
    """

    phase: int
    place: int
    state: ParticipantState
    downloaded: Tensor
    fresh: Tensor | None
    epsilon: float


@dataclass(frozen=True)
class Answer:
    """A turn that was taken.

    Attributes:
      state: what the participant carries over from it.
      turn: what came of it.
      events: what it has to be charged before anything leaves; None: it was charged ahead, or
        nothing is to leave.
    """

    state: ParticipantState
    turn: Turn
    events: list[Event] | None


@dataclass
class _Asked:
    """Stands for the ledger of a turn that is charged afterwards, by who holds the ledger."""

    events: list[Event] | None = None

    def charge(self, *, participant: int, turn: int, events: list[Event]) -> float:
        self.events = events
        return 0.0


@dataclass
class _Desk:
    """What one actor works with: the training it was last asked for."""

    phase_number: int = -1
    phase: Phase = field(init=False)
    module: nn.Module = field(init=False)


_desk = _Desk()


def simulated_app(fetchers: Mapping[int, Callable[[], Phase]]) -> ClientApp:
    """The app that every actor runs.

    Args:
      fetchers: by number of the training, what brings it to the actor's process; called once there.
    """
    app = ClientApp()

    @app.train()
    def turn(message: Message, _: Context) -> Message:
        # This function is pickled anew for every message, with copies of the globals that it names;
        # what it calls is found by name in the actor's own module, and so is the desk there.
        return replied(message, fetchers)

    return app


def replied(message: Message, fetchers: Mapping[int, Callable[[], Phase]]) -> Message:
    """The reply to a question; a training that is new to this process is fetched first."""
    question = question_in(message)
    if _desk.phase_number != question.phase:
        torch.set_num_threads(1)
        _desk.phase = fetchers[question.phase]()
        _desk.module = _desk.phase.make_module()
        _desk.phase_number = question.phase
    answer = answered(question, _desk.phase, module=_desk.module)
    return Message(answer_content(answer), reply_to=message)


def answered(question: Question, phase: Phase, *, module: nn.Module) -> Answer:
    """Takes the turn; the module's parameters are overwritten."""
    participant = phase.participants[question.place]
    asked = _Asked()
    ledger: Ledger = asked if participant.cost is None else Paid(question.epsilon)
    state, turn = take_turn(
        participant,
        question.state,
        question.downloaded,
        module=module,
        ledger=ledger,
        fresh=question.fresh,
    )
    return Answer(state, turn, asked.events)


def question_message(question: Question, *, node: int) -> Message:
    """The question to this virtual node."""
    tensors, num_turns = states_to_tensors([question.state])
    tensors["downloaded"] = question.downloaded
    if question.fresh is not None:
        tensors["fresh"] = question.fresh
    plain: dict[str, object] = {
        "phase": question.phase,
        "place": question.place,
        "num_turns": num_turns,
        "epsilon": str(question.epsilon),  # JSON has no infinity
    }
    return Message(content_of(tensors, plain), node, MESSAGE_TYPE)


def question_in(message: Message) -> Question:
    """What ``question_message`` was made of."""
    tensors, plain = read(message.content)
    phase, place = plain["phase"], plain["place"]
    assert isinstance(phase, int) and isinstance(place, int)
    (state,) = states_from_tensors(tensors, plain["num_turns"])
    return Question(
        phase,
        place,
        state,
        tensors["downloaded"],
        tensors.get("fresh"),
        float(str(plain["epsilon"])),
    )


def answer_content(answer: Answer) -> RecordDict:
    """The answer as a reply's content."""
    tensors, num_turns = states_to_tensors([answer.state])
    payload, turn = held_to_tensors({0: answer.turn})
    events = None if answer.events is None else [row_of(event) for event in answer.events]
    plain: dict[str, object] = {"num_turns": num_turns, "turn": turn, "events": events}
    return content_of({**tensors, **payload}, plain)


def answer_in(message: Message) -> Answer:
    """What ``answer_content`` was made of."""
    tensors, plain = read(message.content)
    (state,) = states_from_tensors(tensors, plain["num_turns"])
    events = plain["events"]
    assert events is None or isinstance(events, list)
    return Answer(
        state,
        held_from_tensors(tensors, plain["turn"])[0],
        None if events is None else [event_of(row) for row in events],
    )
