"""Whole small runs on texts, tables and X-rays, on classes of unequal size, plain and private."""

from __future__ import annotations

import importlib.util
import math

import pytest

from tests.private_plans import SMALL
from tithe.build import build
from tithe.experiment import predict, run_experiment
from tithe.ledger_folder import KIND, path_of
from tithe.ledger_reading import read_ledger
from tithe.plan import load_plan
from tithe.record import read_run
from tithe.storage.journal import Journal

PLAIN: list[str] = []
PRIVATE = ["privacy.unit=record", "privacy.epsilon=4.0"]
NETWORKS = {
    "pneumonia-mnist": "auto",
    "wdbc": "auto",
    "adult": "auto",
    "sms-spam": "text-bag",
    "sst2": "text-transformer",
    "ag-news": "text-bag",
}
needs_imblearn = pytest.mark.skipif(
    importlib.util.find_spec("imblearn") is None, reason="imbalanced-learn is not installed"
)


def small(*overrides):
    return load_plan({**SMALL, "partition": {"participants": 2}}, list(overrides))


QUICK = [("wdbc", PLAIN), ("sms-spam", PRIVATE)]
EVERY = [
    pytest.param(
        name,
        privacy,
        id=f"{name}, {'private' if privacy else 'plain'}",
        marks=[] if (name, privacy) in QUICK else pytest.mark.slow,
    )
    for name in NETWORKS
    for privacy in (PLAIN, PRIVATE)
]


@pytest.mark.parametrize(("name", "privacy"), EVERY)
def test_every_named_set_trains_and_predicts(name, privacy, data_root, tmp_path):
    plan = small(
        f"data.set={name}",
        f"model.name={NETWORKS[name]}",
        "data.train_rows=80",
        "exchange.rounds=1",
        *privacy,
    )
    run_experiment(plan, tmp_path / "run", data_root=data_root)
    record = read_run(tmp_path / "run")
    last = record.evaluations[-1]
    assert all(line.status == "shared" for line in record.turns)
    assert last.recalls is not None and last.balanced_accuracy is not None
    spent = max(line.epsilon for line in record.turns)
    assert math.isinf(spent) if privacy is PLAIN else 0 < spent <= 4 * (1 + 1e-9)
    if privacy is PLAIN and name == "wdbc":
        told = predict(tmp_path / "run", name, data_root=data_root)
        assert len(told.labels) == 114 and told.accuracy is not None


@pytest.mark.parametrize(
    ("method", "privacy"),
    [
        pytest.param("class_weights", PLAIN, id="weights, plain", marks=pytest.mark.slow),
        pytest.param("class_weights", PRIVATE, id="weights, private"),
        pytest.param("oversample", PLAIN, id="copies, plain"),
        pytest.param("oversample", PRIVATE, id="copies, private", marks=pytest.mark.slow),
    ],
)
def test_unequal_classes_are_trained_on_and_shown(method, privacy, tmp_path):
    plan = small(
        "data.train_rows=0",
        "balance.class_rows=[40, 40, 20, 20, 20, 20, 20, 10, 10, 5]",
        f"balance.method={method}",
        "balance.most_times=3",
        "baselines.centralised=true",
        *privacy,
    )
    run_experiment(plan, tmp_path / "run")
    record = read_run(tmp_path / "run")
    assert {line.status for line in record.turns if line.phase == "joint"} == {"shared"}
    page = (tmp_path / "run" / "page.html").read_text(encoding="utf-8")
    assert "How well each class is told" in page


def test_rows_between_neighbours_are_trained_on_and_charged(tmp_path):
    charged, spent = {}, {}
    for method in ("none", "line_smote"):
        plan = small(
            "data.train_rows=0",
            "balance.class_rows=[40, 40, 20, 20, 20, 20, 20, 10, 10, 5]",
            f"balance.method={method}",
            "balance.most_times=2",
            "training.local_steps=4",
            "privacy.unit=record",
            "privacy.noise_multiplier=2.0",
            "privacy.epsilon=100.0",
        )
        run_experiment(plan, tmp_path / method)
        assert {line.status for line in read_run(tmp_path / method).turns} == {"shared"}
        path = path_of(tmp_path / method / "ledgers", 0)
        first = build(plan).phases[0].participants[0]
        with Journal.open(path, kind=KIND, fingerprint=first.shard.fingerprint()) as journal:
            charged[method] = [event for row in journal.rows() for event in row["events"]]
        spent[method] = read_ledger(path).accounts[0].total.pld.epsilon
    assert {event["kind"] for event in charged["none"]} == {"gaussian_steps"}
    for event in charged["line_smote"]:
        assert event["kind"] == "touched_row_steps" and event["count"] == 4
        assert (event["most_brought"], event["most_taken"]) == (3, 1)
    assert 0 < spent["none"] < spent["line_smote"] < 100


@needs_imblearn
@pytest.mark.parametrize("privacy", [PLAIN, PRIVATE], ids=["plain", "private"])
def test_synthetic_rows_of_public_ones_are_trained_on(privacy, tmp_path):
    plan = small(
        "balance.class_rows=[40, 40, 20, 20, 20, 20, 20, 10, 10, 5]",
        "data.train_rows=0",
        "balance.method=smote",
        "balance.public_rows=200",
        *privacy,
    )
    run_experiment(plan, tmp_path / "run")
    assert {line.status for line in read_run(tmp_path / "run").turns} == {"shared"}
