"""The sentences about wrong keys and values."""

from __future__ import annotations

import pytest

from tithe.plan import BadPlan, Plan, load_plan
from tithe.plan.errors import in_toml, keys_of, rule_of
from tithe.plan.sections import Data, Override, Sharing, Training


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("sharing.theta_u=1.5", "sharing.theta_u must be in (0, 1], got 1.5"),
        ("sharing.theta_u=nan", "sharing.theta_u must be finite and in (0, 1], got nan"),
        ("sharing.theta_u=true", "sharing.theta_u must be a number in (0, 1], got true"),
        ("training.momentum=1.0", "training.momentum must be in [0, 1), got 1.0"),
        ("training.batch_size=0", "training.batch_size must be >= 1, got 0"),
        ("training.batch_size=8.0", "training.batch_size must be a whole number >= 1, got 8.0"),
        (
            "training.batch_size='8'",
            'training.batch_size must be a whole number >= 1, got "8"; a number takes no quotes',
        ),
        (
            "sharing.residual='True'",
            'sharing.residual must be true or false, got "True"; write true without quotes',
        ),
        ("sharing.residual=1", "sharing.residual must be true or false, got 1"),
        ("sharing=5", "sharing must be a section with keys under [sharing], got 5"),
        ("data.mean=0.5", "data.mean must be a list of numbers, got 0.5"),
        ("data.std=[1.0, 0.0]", "data.std[1] must be > 0, got 0.0"),
        ("data.mean=['a']", 'data.mean[0] must be a number, got "a"'),
        ("data.options=3", "data.options must be a table, got 3"),
        ("name=a/b", 'name must be a folder name of letters, digits and "._-", got "a/b"'),
        (
            "data.set=mnits",
            (
                'data.set must be one of "digits", "mnist", "fashion-mnist", "svhn", "cifar10", '
                '"pneumonia-mnist", "wdbc", "adult", "sms-spam", "sst2", "ag-news", '
                '"npz:PATH", "csv:PATH", "images:PATH", "python:module:function", got "mnits"; '
                'did you mean "mnist"?'
            ),
        ),
        (
            "run.device=gpu",
            (
                'run.device must be one of "cpu", "cuda", "mps", "cuda:N", got "gpu"; '
                'did you mean "cpu"?'
            ),
        ),
        (
            "sharing.thetau=1",
            "sharing.thetau is not a key of [sharing]; did you mean sharing.theta_u?",
        ),
        (
            "sharing.momentum=0.9",
            (
                "sharing.momentum is not a key of [sharing]; "
                "did you mean training.momentum or server.momentum?"
            ),
        ),
        ("theta_u=0.1", "theta_u is not a key of the plan; did you mean sharing.theta_u?"),
        ("shring.theta_u=0.1", "shring is not a key of the plan; did you mean [sharing]?"),
        (
            "baselines.xyzzy=1",
            "baselines.xyzzy is not a key of [baselines]; its keys are centralised, standalone",
        ),
    ],
)
def test_a_sentence_names_key_rule_value_and_way_out(override, sentence):
    with pytest.raises(BadPlan) as caught:
        load_plan("", [override])
    assert caught.value.problems == (sentence,)


@pytest.mark.parametrize(
    "source",
    ["npz:a.npz", "csv:a b/c.csv", "images:/pictures", "python:my.module:load", "fashion-mnist"],
)
def test_data_of_your_own_are_accepted(source):
    assert load_plan({"data": {"set": source}}).data.set == source


@pytest.mark.parametrize("source", ["csv:", "python:nothing", "npz", "", "digits:3"])
def test_half_a_data_source_is_refused(source):
    with pytest.raises(BadPlan, match="set must be one of"):
        load_plan({"data": {"set": source}})


def test_a_long_value_is_cut_short():
    with pytest.raises(BadPlan) as caught:
        load_plan({"sharing": {"theta_u": "x" * 500}})
    assert len(caught.value.problems[0]) < 150


def test_rules_read_like_the_field():
    assert rule_of(Sharing.model_fields["theta_u"]) == "a number in (0, 1]"
    assert rule_of(Sharing.model_fields["theta_u"], with_kind=False) == "in (0, 1]"
    assert rule_of(Training.model_fields["batch_size"]) == "a whole number >= 1"
    assert rule_of(Data.model_fields["std"]) == "a list of numbers > 0"
    assert rule_of(Override.model_fields["ids"]) == "a list of whole numbers >= 0"
    assert rule_of(Plan.model_fields["sharing"]) == "a section"
    assert rule_of(Plan.model_fields["participant"]) == "a list of tables"


def test_every_key_has_a_rule_and_its_path():
    keys = keys_of(Plan)
    assert keys[0] == "name"
    assert "sharing.theta_u" in keys
    assert len(keys) == len(set(keys))


def test_values_are_told_as_toml_writes_them():
    assert in_toml({"a": [True, "b", 0.5]}) == '{a = [true, "b", 0.5]}'
