"""The record survives any stop, refuses what is damaged, and is always valid JSON."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tithe.checks import BadInput
from tithe.record import EvaluationLine, RunWriter, TurnLine, read_run, write_atomically
from tithe.record_lines import line_from_json, to_json

TURN = TurnLine(
    phase="joint",
    turn=0,
    round=1,
    participant=3,
    status="shared",
    reason="",
    entries=10,
    size=100,
    bytes_up=64,
    bytes_down=420,
    downloaded=100,
    staleness=0,
    clock=1.0,
    loss=0.5,
    learning_rate=0.05,
    train_seconds=0.1,
    engine_seconds=0.001,
)
EVALUATION = EvaluationLine(
    phase="joint",
    participant=None,
    round=1,
    epochs=1.0,
    accuracy=0.5,
    loss=1.0,
    bytes_up=64,
    bytes_down=420,
    seconds=0.1,
)
ABOUT = {"name": "a run", "participants": 4}


def start(directory: Path, *, num_turns: int = 0, num_evaluations: int = 0) -> RunWriter:
    """A record with so many lines, still open."""
    writer = RunWriter.create(directory, plan_toml='name = "a run"\n', about=ABOUT)
    for turn in range(num_turns):
        writer.turn(replace(TURN, turn=turn))
    for number in range(num_evaluations):
        writer.evaluation(replace(EVALUATION, round=number))
    return writer


any_float = st.floats(allow_nan=True, allow_infinity=True)


@given(
    loss=st.none() | any_float,
    clock=any_float,
    reason=st.text(),
    turn=st.integers(0, 2**60),
    cosine=st.none() | any_float,
)
def test_every_turn_is_valid_json_and_comes_back(
    loss: float | None, clock: float, reason: str, turn: int, cosine: float | None
) -> None:
    line = replace(TURN, loss=loss, clock=clock, reason=reason, turn=turn, cosine=cosine)
    values = {name: getattr(line, name) for name in line.__slots__}

    def refuse(word: str) -> float:
        raise AssertionError(word)

    text = to_json(values).decode()
    json.loads(text, parse_constant=refuse)
    assert text.count("\n") == 1
    back = line_from_json(text, TurnLine, where="here")
    assert repr(back) == repr(line)  # repr, for NaN differs from itself


def test_text_that_is_no_unicode_is_written_escaped() -> None:
    assert json.loads(to_json({"reason": "\udcff"})) == {"reason": "\udcff"}


def test_an_infinite_epsilon_is_the_string_inf(tmp_path: Path) -> None:
    start(tmp_path / "run", num_turns=1).close()
    line = json.loads((tmp_path / "run" / "turns.jsonl").read_text())
    assert line["epsilon"] == "inf"
    assert line["phase"] == "joint"
    assert read_run(tmp_path / "run").turns[0].epsilon == math.inf


def test_a_finished_run_reads_back(tmp_path: Path) -> None:
    with start(tmp_path / "run", num_turns=3, num_evaluations=2) as writer:
        assert (writer.num_turns, writer.num_evaluations) == (3, 2)
        writer.finish({"complete": True, "verdict": "Good.", "best": math.nan})
    record = read_run(tmp_path / "run")
    assert record.is_complete
    assert [line.turn for line in record.turns] == [0, 1, 2]
    assert [line.round for line in record.evaluations] == [0, 1]
    assert record.about == ABOUT
    assert record.plan_toml == 'name = "a run"\n'
    assert record.summary == {"complete": True, "verdict": "Good.", "best": "nan"}


def test_lines_are_there_before_the_writer_is_closed(tmp_path: Path) -> None:
    writer = start(tmp_path / "run", num_turns=2, num_evaluations=1)
    record = read_run(tmp_path / "run")
    assert (len(record.turns), len(record.evaluations)) == (2, 1)
    assert record.summary is None
    assert not record.is_complete
    writer.close()


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_torn_last_line_is_left_out(tmp_path: Path, cut: int) -> None:
    start(tmp_path / "run", num_turns=3).close()
    path = tmp_path / "run" / "turns.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    assert [line.turn for line in read_run(tmp_path / "run").turns] == [0, 1]


@pytest.mark.parametrize("existing", ["about.json", "plan.toml", "turns.jsonl", "summary.json"])
def test_create_refuses_a_directory_that_holds_a_run(tmp_path: Path, existing: str) -> None:
    (tmp_path / existing).write_text("mine")
    with pytest.raises(BadInput, match="already holds a run"):
        start(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [existing]
    assert (tmp_path / existing).read_text() == "mine"


def test_create_refuses_a_file_for_a_directory(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(BadInput, match="is a file"):
        start(tmp_path / "run")
    with pytest.raises(BadInput, match="cannot hold a run"):
        start(tmp_path / "run" / "below")


def test_create_takes_a_directory_with_other_things_in_it(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    start(tmp_path).close()
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_create_leaves_nothing_behind_when_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        if path.name == "about.json":
            raise OSError(28, "No space left on device")
        path.write_bytes(content)

    monkeypatch.setattr("tithe.record.write_atomically", full)
    with pytest.raises(BadInput, match="No space left"):
        start(tmp_path / "run")
    assert list((tmp_path / "run").iterdir()) == []


def test_a_line_that_does_not_fit_leaves_no_half_line(tmp_path: Path) -> None:
    writer = start(tmp_path / "run", num_turns=1)

    class FullAfterTenBytes:
        def __init__(self, file: object) -> None:
            self.file, self.written = file, 0

        def fileno(self) -> int:
            return int(self.file.fileno())  # type: ignore[attr-defined]

        def write(self, line: memoryview) -> int:
            if self.written:
                raise OSError(28, "No space left on device")
            self.written = 10
            return int(self.file.write(line[:10]))  # type: ignore[attr-defined]

    file, writer._turns = writer._turns, FullAfterTenBytes(writer._turns)  # type: ignore[assignment]
    with pytest.raises(OSError, match="No space"):
        writer.turn(TURN)
    writer._turns = file
    writer.turn(replace(TURN, turn=7))
    assert [line.turn for line in read_run(tmp_path / "run").turns] == [0, 7]
    assert writer.num_turns == 2
    writer.close()


def test_reopen_keeps_the_first_lines_and_goes_on(tmp_path: Path) -> None:
    run = tmp_path / "run"
    start(run, num_turns=5, num_evaluations=3).finish({"complete": False})
    with (run / "turns.jsonl").open("ab") as file:
        file.write(b'{"phase": "joi')
    with RunWriter.reopen(run, num_turns=4, num_evaluations=1) as writer:
        assert read_run(run).summary is None
        writer.turn(replace(TURN, turn=99))
        assert writer.num_turns == 5
    record = read_run(run)
    assert [line.turn for line in record.turns] == [0, 1, 2, 3, 99]
    assert [line.round for line in record.evaluations] == [0]


def test_resumed_and_uninterrupted_records_are_the_same_bytes(tmp_path: Path) -> None:
    start(tmp_path / "once", num_turns=5).close()
    start(tmp_path / "twice", num_turns=3).close()
    with RunWriter.reopen(tmp_path / "twice", num_turns=2, num_evaluations=0) as writer:
        for turn in range(2, 5):
            writer.turn(replace(TURN, turn=turn))
    once, twice = (tmp_path / name / "turns.jsonl" for name in ("once", "twice"))
    assert once.read_bytes() == twice.read_bytes()


def test_reopen_refuses_a_checkpoint_that_counts_more_lines(tmp_path: Path) -> None:
    run = tmp_path / "run"
    start(run, num_turns=2, num_evaluations=2).close()
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    with pytest.raises(BadInput, match="2 whole lines and the checkpoint counts 3"):
        RunWriter.reopen(run, num_turns=1, num_evaluations=3)
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before


@pytest.mark.parametrize(
    "act", [read_run, lambda d: RunWriter.reopen(d, num_turns=0, num_evaluations=0)]
)
def test_what_holds_no_run_is_refused(tmp_path: Path, act: object) -> None:
    with pytest.raises(BadInput, match=r"holds no run: it has no about\.json"):
        act(tmp_path)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("", "not valid JSON"),
        ("nonsense", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ('{"round": NaN}', "not valid JSON"),
        ("[]", "must be a JSON object"),
        ("{}", "has no phase"),
        ({"round": "one"}, "round must be int, got str"),
        ({"round": True}, "round must be int, got bool"),
        ({"round": 1.5}, "round must be int, got float"),
        ({"loss": "much"}, "loss must be float or null, got str"),
        ({"clock": 10**400}, "clock must be float, got int"),
        ({"clock": None}, "clock must be float, got NoneType"),
        ({"cosine": "much"}, "cosine must be float or null, got str"),
    ],
)
def test_a_damaged_line_is_named(
    tmp_path: Path, line: str | dict[str, object], sentence: str
) -> None:
    run = tmp_path / "run"
    start(run, num_turns=2).close()
    path = run / "turns.jsonl"
    first, second, _ = path.read_text().split("\n")
    if isinstance(line, dict):
        line = json.dumps(json.loads(second) | line)
    path.write_text(f"{first}\n{line}\n{second}\n")
    with pytest.raises(BadInput, match=f"line 2, is damaged.*{sentence}") as caught:
        read_run(run)
    assert "\n" not in str(caught.value)


def test_unknown_keys_are_left_out(tmp_path: Path) -> None:
    run = tmp_path / "run"
    start(run, num_turns=1).close()
    line = json.loads((run / "turns.jsonl").read_text())
    (run / "turns.jsonl").write_text(json.dumps(line | {"of_tomorrow": 1}) + "\n")
    assert read_run(run).turns == (TURN,)


def test_a_record_older_than_a_field_that_may_be_none_is_read(tmp_path: Path) -> None:
    run = tmp_path / "run"
    start(run, num_turns=1).close()
    line = json.loads((run / "turns.jsonl").read_text())
    del line["cosine"]
    (run / "turns.jsonl").write_text(json.dumps(line) + "\n")
    assert read_run(run).turns == (TURN,)
    for needed in ("loss", "epsilon"):  # one may be null and one has a default: neither may lack
        (run / "turns.jsonl").write_text(
            json.dumps({name: value for name, value in line.items() if name != needed}) + "\n"
        )
        with pytest.raises(BadInput, match=f"it has no {needed}"):
            read_run(run)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"{", b"3"])
def test_a_damaged_head_is_refused(tmp_path: Path, content: bytes) -> None:
    start(tmp_path / "run").close()
    (tmp_path / "run" / "about.json").write_bytes(content)
    with pytest.raises(BadInput, match=r"about\.json is damaged"):
        read_run(tmp_path / "run")


def test_an_atomic_write_that_fails_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "summary.json"
    write_atomically(path, b"old")
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["summary.json"]


def test_recalls_come_back_as_they_were_and_an_older_record_has_none(tmp_path: Path) -> None:
    recalls = (0.25, None, 1.0)
    line = replace(EVALUATION, balanced_accuracy=0.625, recalls=recalls)
    text = to_json({**asdict(line)}).decode()
    assert line_from_json(text, EvaluationLine, where="here") == line
    older = {k: v for k, v in asdict(line).items() if k not in ("balanced_accuracy", "recalls")}
    read = line_from_json(to_json(older).decode(), EvaluationLine, where="here")
    assert read.recalls is None and read.balanced_accuracy is None


@pytest.mark.parametrize(
    ("recalls", "sentence"),
    [
        (0.5, "recalls must be list or null, got float"),
        ([0.5, "high"], "recalls must be float or null, got str"),
    ],
)
def test_recalls_of_another_kind_are_damage(recalls: object, sentence: str) -> None:
    text = to_json({**asdict(EVALUATION), "recalls": recalls}).decode()
    with pytest.raises(BadInput, match=f"here is damaged: {sentence}"):
        line_from_json(text, EvaluationLine, where="here")
