"""Run directories that look like real ones, made through the writer itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from tithe.privacy.budget import BudgetExhausted
from tithe.record import EvaluationLine, RunWriter, TurnLine

CNN = {  # 105,506 parameters
    "features.0.weight": (32, 1, 5, 5),
    "features.0.bias": (32,),
    "features.3.weight": (64, 32, 5, 5),
    "features.3.bias": (64,),
    "classifier.0.weight": (200, 256),
    "classifier.0.bias": (200,),
    "classifier.2.weight": (10, 200),
    "classifier.2.bias": (10,),
}


@dataclass(frozen=True)
class Simulated:
    """What the simulated run shall look like."""

    name: str = "mnist-cnn"
    participants: int = 30
    rounds: int = 12
    planned_rounds: int = 0  # 0: as many as were run
    theta_u: float = 0.1
    order: str = "round_robin"
    beta: float = 1.0
    standalone: int = 3
    centralised: bool = True
    complete: bool = True
    counters: bool = True
    joint_end: float = 0.987
    standalone_end: float = 0.93
    centralised_end: float = 0.991
    stops: tuple[tuple[int, int], ...] = ()  # (participant, from this round on its loss is NaN)
    leaves: tuple[tuple[int, int], ...] = ()  # (participant, after this round)
    seed: int = 1
    unit: str = ""  # "record" or "participant": a private run
    noise: str = "simulated"
    budget: float = 8.0
    epsilon_a_turn: float = 0.5
    cosine: float = 0.4
    privacy: tuple[tuple[str, object], ...] = ()  # what the summary says was spent, if it does


def simulate(directory: Path, run: Simulated = Simulated()) -> Path:
    """Writes one run directory and returns it."""
    rng = np.random.default_rng(run.seed)
    size = sum(math.prod(shape) for shape in CNN.values())
    writer = RunWriter.create(directory, plan_toml=_plan(run), about=_about(run, size))
    sent = _joint(writer, run, size, rng)
    if run.centralised:
        for line in _curve("centralised", None, run, end=run.centralised_end, pace=0.6, rng=rng):
            writer.evaluation(line)
    for i in range(run.standalone):
        end = run.standalone_end * (1 + 0.015 * rng.standard_normal())
        for line in _curve(f"standalone-{i}", i, run, end=end, pace=0.9, rng=rng):
            writer.evaluation(line)
    if run.counters:
        save_file({"counts": _counts(run, sent, size, rng)}, directory / "counters.safetensors")
    if run.complete:
        writer.finish(
            {
                "phases": {"joint": {"accuracy": run.joint_end, "best_accuracy": run.joint_end}},
                "verdict": (
                    f"Together the participants reach {run.joint_end:.1%}: alone they reach "
                    f"{run.standalone_end:.1%}, "
                    f"with all data in one place {run.centralised_end:.1%}."
                ),
                "seconds": 512.7,
                "complete": True,
                **({"privacy": dict(run.privacy)} if run.unit else {}),
            }
        )
    writer.close()
    return directory


def _accuracy(round: int, end: float, pace: float, rng: np.random.Generator) -> float:
    value = end - (end - 0.1) * math.exp(-round / pace) + 0.002 * rng.standard_normal()
    return float(min(max(value if end else 0.0, 0.0), 1.0))


def _curve(
    phase: str,
    participant: int | None,
    run: Simulated,
    *,
    end: float,
    pace: float,
    rng: np.random.Generator,
) -> list[EvaluationLine]:
    return [
        EvaluationLine(
            phase=phase,
            participant=participant,
            round=round,
            epochs=float(round),
            accuracy=_accuracy(round, end, pace, rng),
            loss=2.3 * math.exp(-round / pace) + 0.05,
            bytes_up=0,
            bytes_down=0,
            seconds=2.5 * round,
        )
        for round in range(run.rounds + 1)
    ]


def _joint(writer: RunWriter, run: Simulated, size: int, rng: np.random.Generator) -> int:
    """The turns and measurements of the joint training; returns how many updates were sent."""
    stops, leaves = dict(run.stops), dict(run.leaves)
    bytes_up = bytes_down = sent = turn = 0
    for round in range(run.rounds + 1):
        for i in range(run.participants if round else 0):
            status = "shared"
            spent = min(run.epsilon_a_turn * round, run.budget)
            if i in leaves and round > leaves[i]:
                status = "left"
            elif i in stops and round >= stops[i]:
                status = "stopped"
            is_refused = bool(run.unit) and run.epsilon_a_turn * round > run.budget
            if status == "shared" and is_refused:
                status = "refused"
            if status == "left" and round > leaves[i] + 1:
                continue
            entries = int(size * run.theta_u * rng.uniform(0.9, 1)) if status == "shared" else 0
            up = int(entries * (4 + math.log2(1 / run.theta_u) / 8 + 0.1)) if entries else 0
            down = 0 if status == "left" else int(size * 4 * min(1, 0.4 + rng.uniform(0, 0.3)))
            asynchronous = run.order == "asynchronous"
            writer.turn(
                TurnLine(
                    phase="joint",
                    turn=turn,
                    round=round,
                    participant=i,
                    status=status,
                    reason=_reason(run, i, status, spent if is_refused else None),
                    entries=entries,
                    size=size,
                    bytes_up=up,
                    bytes_down=down,
                    downloaded=down // 4,
                    staleness=int(rng.poisson(run.participants * 0.8)) if asynchronous else 0,
                    clock=round + (i / run.participants if asynchronous else 0.0),
                    loss={"shared": 2 * math.exp(-round / 2), "stopped": math.nan}.get(status),
                    learning_rate=0.05,
                    train_seconds=0.9,
                    engine_seconds=0.02,
                    epsilon=spent if run.unit else math.inf,
                    cosine=run.cosine + 0.01 * i if run.unit and status == "shared" else None,
                )
            )
            bytes_up, bytes_down, turn = bytes_up + up, bytes_down + down, turn + 1
            sent += status == "shared"
        writer.evaluation(
            EvaluationLine(
                phase="joint",
                participant=None,
                round=round,
                epochs=float(round),
                accuracy=_accuracy(round, run.joint_end, 0.9, rng),
                loss=2.3 * math.exp(-round) + 0.04,
                bytes_up=bytes_up,
                bytes_down=bytes_down,
                seconds=27.0 * round,
            )
        )
    return sent


def _reason(run: Simulated, participant: int, status: str, spent: float | None) -> str:
    if status == "refused" and spent is not None:
        return str(BudgetExhausted(participant, spent, run.budget, run.epsilon_a_turn))
    return {"shared": "", "left": "left as planned"}.get(status, "the training loss was not finite")


def _counts(run: Simulated, sent: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """Early and late layers move most; in a layer, some rows move and some never do."""
    parts = []
    for place, shape in enumerate(CNN.values()):
        num = math.prod(shape)
        eagerness = 0.1 + abs(place - 3.5) / 3.5
        rows = np.repeat(rng.gamma(0.6, 1.0, shape[0]), num // shape[0])
        parts.append(rng.poisson(rows * eagerness * sent * run.theta_u))
    return np.minimum(np.concatenate(parts), sent).astype(np.float32) * np.float32(run.beta)


def _about(run: Simulated, size: int) -> dict[str, object]:
    layers, start = [], 0
    for name, shape in CNN.items():
        stop = start + math.prod(shape)
        layers.append({"name": name, "shape": list(shape), "start": start, "stop": stop})
        start = stop
    return {
        "name": run.name,
        "started": "2026-03-04T09:30:00+00:00",
        "command": "tithe run plans/mnist-cnn.toml --out runs/mnist-cnn",
        "seed": run.seed,
        "versions": {"tithe": "0.1.0", "python": "3.11.7", "torch": "2.13.0", "numpy": "2.4.6"},
        "machine": {"cpus": 2, "system": "Linux-6.1-x86_64"},
        "num_parameters": size,
        "layers": layers,
        "participants": run.participants,
        "rows_each": [600] * run.participants,
        "data_note": "MNIST, 60,000 training and 10,000 test images, official files.",
        "plan_digest": "9f2c" * 16,
        "guarantee": _guarantee(run),
    }


def _guarantee(run: Simulated) -> str:
    if not run.unit:
        return (
            "none: plain selective sharing has no differential-privacy guarantee "
            "(epsilon = infinity)"
        )
    promise = f"(epsilon {run.budget:g}, delta 1e-05)-differential privacy for each; on terms."
    return (
        promise if run.noise == "secure" else f"none in this run: it is simulated. With {promise}"
    )


def _plan(run: Simulated) -> str:
    privacy = ""
    if run.unit:
        privacy = f"""
[privacy]
unit = "{run.unit}"
epsilon = {run.budget}
delta = 1e-05
noise = "{run.noise}"
"""
    return f"""name = "mnist-cnn"
recipe = "recommended"
seed = {run.seed}

[data]
set = "mnist"

[partition]
kind = "even"
participants = {run.participants}
rows_each = 600

[model]
name = "mnist-cnn"

[sharing]
theta_u = {run.theta_u}
theta_d = 1.0

[server]
beta = {run.beta}

[exchange]
order = "{run.order}"
rounds = {run.planned_rounds or run.rounds}
{privacy}"""
