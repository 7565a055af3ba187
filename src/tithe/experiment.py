"""An experiment: a plan's phases run one after another, recorded, resumable, and summed up."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import torch

from tithe.build import Built, build
from tithe.checks import BadInput
from tithe.engines.choice import engine_for
from tithe.engines.loop import Engine, Happening, Training
from tithe.joint_model import predict, save_joint_model
from tithe.learning.evaluate import Quality, evaluate
from tithe.learning.flat import write_vector
from tithe.ledger_folder import LedgerFolder, ledgers_of
from tithe.parties.participant import Turn
from tithe.parties.phase import Phase
from tithe.plan import Plan
from tithe.privacy.ledger import TallyLedger
from tithe.progress import Interrupted, Progress, Summary
from tithe.record import RunWriter, read_run
from tithe.report.optional import needed
from tithe.report.page import write_page
from tithe.run_checkpoint import (
    Standing,
    drop_checkpoint,
    load_standing,
    require_same_plan,
)
from tithe.run_facts import about_run
from tithe.run_lines import evaluation_line, summary_of, turn_line
from tithe.run_pace import RunPace
from tithe.storage.lock import held_alone
from tithe.upload_folder import UploadFolder, uploads_of
from tithe.verdict import Outcome, summarise

__all__ = ["Interrupted", "Progress", "Summary", "predict", "run_experiment"]

LOCK = "run.lock"


def run_experiment(
    plan: Plan,
    directory: Path | str,
    *,
    resume: bool = False,
    command: str = "",
    watch: Callable[[Progress], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
    data_root: Path | None = None,
) -> Summary:
    """Runs the plan's joint training and baselines and leaves a complete record in ``directory``.

    A run that was interrupted, by ``should_stop`` or by a crash, goes on with ``resume`` where its
    last checkpoint stands and reaches the same parameters and the same record as an uninterrupted
    one, wall times aside.

    Args:
      plan: what to do.
      directory: must hold no run yet, or with ``resume`` the one to go on with.
      resume: go on with the run in ``directory``.
      command: how the run was started, for the record.
      watch: told about the progress after every turn and every measurement.
      should_stop: asked after every turn.
      data_root: where data sets lie; None takes TITHE_DATA or the user's cache.
    Raises:
      BadInput: plan, data or directory cannot be used; nothing was written.
      Interrupted: ``should_stop`` said so; the record is valid and resumable.
    """
    directory = Path(directory)
    torch.set_num_threads(plan.run.threads)
    if plan.run.tensorboard:
        needed("tensorboard", what="TensorBoard files", extra="tensorboard")
    if plan.run.engine == "simulation":
        for package in ("flwr", "ray"):
            needed(package, what='Runs with run.engine = "simulation"', extra="simulation")
    if resume:
        require_same_plan(plan, directory)
    elif (directory / "about.json").exists():
        raise BadInput(
            f"{directory} already holds a run; resume it with --resume, or choose another directory"
        )
    built = build(plan, data_root=data_root)
    with closing(_Run(plan, built, directory, watch, should_stop)) as run:
        if resume:
            run.reopen()
        else:
            run.begin(about_run(plan, built, command=command))
        return run.go()


class _Run:
    """One experiment under way."""

    def __init__(
        self,
        plan: Plan,
        built: Built,
        directory: Path,
        watch: Callable[[Progress], None],
        should_stop: Callable[[], bool],
    ):
        self._plan = plan
        self._built = built
        self._directory = directory
        self._watch = watch
        self._should_stop = should_stop
        self._evaluator = built.phases[0].make_module().to(plan.run.device)
        self._features = built.test_features.to(plan.run.device)
        self._labels = built.test_labels.to(plan.run.device)
        self._phase_index = 0
        self._outcomes: list[Outcome] = []
        self._outcome = Outcome(built.phases[0].name)
        self._training: Training | None = None
        self._restored: tuple[dict[str, torch.Tensor], dict[str, object]] | None = None
        self._pace = RunPace(built.phases)
        self._last_checkpoint = time.perf_counter()
        self._epsilon: dict[tuple[str, int], float] = {}
        self._held = ExitStack()  # what this process alone may have open
        self._writer: RunWriter
        self._ledgers: LedgerFolder
        self._uploads: UploadFolder | None = None

    def begin(self, about: dict[str, object]) -> None:
        self._writer = RunWriter.create(
            self._directory, plan_toml=self._plan.to_toml(), about=about
        )
        self._held.callback(self._writer.close)
        self._held.enter_context(held_alone(self._directory / LOCK))

    def reopen(self) -> None:
        self._held.enter_context(held_alone(self._directory / LOCK))
        require_same_plan(self._plan, self._directory)  # another may have ended it meanwhile
        stood = load_standing(self._directory)
        self._writer = RunWriter.reopen(
            self._directory,
            num_turns=stood.num_turns if stood else 0,
            num_evaluations=stood.num_evaluations if stood else 0,
        )
        self._held.callback(self._writer.close)
        if stood is None:
            return
        for line in read_run(self._directory).turns:
            self._epsilon[line.phase, line.participant] = line.epsilon
        self._phase_index = stood.phase_index
        self._outcomes = list(stood.outcomes)
        self._outcome = stood.outcome
        self._pace.go_on(seconds=stood.seconds, rows_done=stood.rows_done)
        self._restored = (stood.tensors, stood.training)

    def close(self) -> None:
        """Lets go of the record, the ledgers and the directory."""
        self._held.close()

    def go(self) -> Summary:
        phases = self._built.phases
        self._ledgers = ledgers_of(self._plan, phases[0], self._directory)
        self._held.callback(self._ledgers.close)
        if self._plan.run.keep_uploads:
            self._uploads = uploads_of(self._plan, self._built, self._directory)
            self._held.callback(self._uploads.close)
        while self._phase_index < len(phases):
            phase = phases[self._phase_index]
            self._run_phase(phase)
            self._outcomes.append(self._outcome)
            self._phase_index += 1
            if self._phase_index < len(phases):
                self._outcome = Outcome(phases[self._phase_index].name)
        return self._finish()

    def _run_phase(self, phase: Phase) -> None:
        engine = self._engine_for(phase)
        try:
            training = self._training = Training(phase, engine)
            if self._restored is not None:
                training.restore(*self._restored)
                self._restored = None
            if training.position == 0:
                self._measure(phase, 0)
            for happening in training.play():
                self._note(phase, happening)
                if self._should_stop():
                    self._checkpoint()
                    self._writer.close()
                    write_page(self._directory)
                    raise Interrupted(
                        f"stopped after round {self._outcome.round} of {phase.rounds} of the "
                        f"{phase.name} training; {self._directory} can be resumed"
                    )
                if time.perf_counter() - self._last_checkpoint > self._plan.run.checkpoint_seconds:
                    self._checkpoint()
            if phase.name == "joint":
                save_joint_model(
                    self._directory, training.server.store, built=self._built, plan=self._plan
                )
        finally:
            engine.close()

    def _engine_for(self, phase: Phase) -> Engine:
        is_limited = any(each.budget is not None for each in phase.participants)
        is_kept = self._uploads is not None and phase.name == "joint"
        return engine_for(
            phase,
            self._ledgers if is_limited else TallyLedger(),
            run=self._plan.run,
            note=self._uploads.note if self._uploads is not None and is_kept else None,
        )

    def _note(self, phase: Phase, happening: Happening) -> None:
        move, outcome = happening.move, self._outcome
        if move.kind == "start":
            return
        if move.kind == "end_round":
            outcome.round = move.round + 1
            outcome.epochs = outcome.round * phase.epochs_a_round
            if outcome.round % self._plan.run.evaluate_every == 0 or outcome.round == phase.rounds:
                self._measure(phase, outcome.round)
        else:
            self._note_turn(phase, happening)
        self._watch(self._pace.progress(phase, self._outcome, phases_done=self._phase_index))

    def _note_turn(self, phase: Phase, happening: Happening) -> None:
        move, turn, outcome = happening.move, happening.turn, self._outcome
        number = phase.participants[move.participant].number
        outcome.bytes_down += happening.bytes_down
        if turn is not None:
            outcome.bytes_up += len(turn.payload)
            outcome.num_shared += turn.status == "shared"
            outcome.num_stopped += turn.status != "shared"
            outcome.train_seconds += turn.train_seconds
        self._pace.passed(len(phase.participants[move.participant].shard))
        epsilon = self._epsilon_after(phase, number, turn)
        self._writer.turn(turn_line(phase, happening, place=outcome.num_turns, epsilon=epsilon))
        outcome.num_turns += 1

    def _epsilon_after(self, phase: Phase, number: int, turn: Turn | None) -> float:
        """What the participant has spent in this phase; a refused turn adds nothing."""
        key = (phase.name, number)
        if turn is not None:
            self._epsilon[key] = max(turn.epsilon, self._epsilon.get(key, 0.0))
        return self._epsilon.get(key, 0.0)

    def _measure(self, phase: Phase, round_: int) -> None:
        assert self._training is not None
        write_vector(self._evaluator, self._training.server.store.joint)
        quality: Quality = evaluate(self._evaluator, self._features, self._labels)
        outcome = self._outcome
        outcome.measured(quality.accuracy, quality.loss)
        self._writer.evaluation(evaluation_line(phase, quality, outcome=outcome, round_=round_))

    def _checkpoint(self) -> None:
        assert self._training is not None
        tensors, training = self._training.state()
        self._writer.sync()
        standing = Standing(
            phase_index=self._phase_index,
            num_turns=self._writer.num_turns,
            num_evaluations=self._writer.num_evaluations,
            outcomes=tuple(self._outcomes),
            outcome=self._outcome,
            seconds=self._pace.seconds,
            rows_done=self._pace.rows_done,
            tensors=tensors,
            training=training,
        )
        standing.save(self._directory, plan=self._plan)
        self._last_checkpoint = time.perf_counter()

    def _finish(self) -> Summary:
        is_private = self._plan.privacy.unit != "none"
        total, privacy = self._ledgers.spent() if is_private else (None, {})
        facts = summarise(
            self._plan, self._built, self._outcomes, seconds=self._pace.seconds, spent=total
        )
        if is_private:
            facts["privacy"] = privacy
        self._writer.finish(facts)
        page = write_page(self._directory)
        if self._plan.run.tensorboard:
            from tithe.report.tensorboard import write_tensorboard

            write_tensorboard(self._directory)
        drop_checkpoint(self._directory)
        return summary_of(
            self._outcomes,
            verdict=str(facts["verdict"]),
            seconds=self._pace.seconds,
            directory=self._directory,
            page=page,
        )
