"""A plan at toy size: the same keys on a few made-up rows, to see at once that it still runs."""

from __future__ import annotations

from typing import Any

from tithe.plan import Plan, load_plan

_PARTICIPANTS = 3
_ROWS_A_CLASS = 16
_TEST_ROWS_A_CLASS = 2
_BATCH = 4
_OWN_DATA = ("npz:", "csv:", "images:", "python:")

Table = dict[str, Any]


def toy(plan: Plan) -> Plan:
    """The plan with few rows, participants, rounds and steps, on rows made up in its data's shape.

    Everything else stays, so a key that no longer exists, values that no longer go together and a
    network that no longer fits are all found. Own data stay as they are.
    """
    table = plan.to_table()
    _fewer_rows(table)
    _fewer_participants(table)
    _less_training(table)
    return load_plan(table)


def _fewer_rows(table: Table) -> None:
    data, balance = table["data"], table["balance"]
    if data["set"] != "digits" and not data["set"].startswith(_OWN_DATA):
        like = data["set"]
        data["set"] = "python:tithe.reproduction.stand_in:rows"
        data["options"] = {
            "like": like,
            "train_rows_a_class": _ROWS_A_CLASS,
            "test_rows_a_class": _TEST_ROWS_A_CLASS,
        }
    data["train_rows"] = data["test_rows"] = 0
    balance["class_rows"] = [min(each, 10) for each in balance["class_rows"]]
    balance["public_rows"] = min(balance["public_rows"], 8)
    balance["most_times"] = min(balance["most_times"], 2)


def _fewer_participants(table: Table) -> None:
    part = table["partition"]
    part["participants"] = min(part["participants"], _PARTICIPANTS)
    part["rows_each"] = min(part["rows_each"], 8)
    part["min_rows"] = min(part["min_rows"], 4)
    table["participant"] = [
        {**each, "ids": ids, "joins": 0, "leaves": 0}
        for each in table.get("participant", ())
        if (ids := [number for number in each["ids"] if number < part["participants"]])
    ]


def _less_training(table: Table) -> None:
    training, privacy = table["training"], table["privacy"]
    privacy["microbatch"] = min(privacy["microbatch"], _BATCH)
    privacy["augmentations"] = min(privacy["augmentations"], 2)
    training["batch_size"] = min(training["batch_size"], _BATCH)
    training["local_steps"] = 1
    table["exchange"]["rounds"] = 1
    table["server"]["average_rounds"] = min(table["server"]["average_rounds"], 1.0)
    table["baselines"]["standalone"] = min(table["baselines"]["standalone"], 1)
    table["run"] |= {"engine": "in_process", "evaluate_every": 1, "ledgers": "", "device": "cpu"}
