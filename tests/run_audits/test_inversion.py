"""Gradient inversion from a journal: one record is rebuilt, many are honestly not tried."""

from __future__ import annotations

import base64

import pytest

from tests.run_audits.conftest import SMALL
from tithe.checks import BadInput
from tithe.experiment import run_experiment
from tithe.plan import load_plan
from tithe.run_audits.gallery import first_layer_gallery
from tithe.run_audits.inversion import InversionOptions, audit_inversion
from tithe.run_audits.upload_source import source_in_run

TINY = {**SMALL, "data": {"train_rows": 4, "test_rows": 200}, "partition": {"participants": 2}}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Two participants with two rows each, who send everything."""
    directory = tmp_path_factory.mktemp("tiny") / "run"
    run_experiment(load_plan(TINY, ["sharing.theta_u=1.0"]), directory)
    return directory


def test_two_records_are_rebuilt_beside_a_control_that_is_not_them(tiny):
    facts = audit_inversion(
        source_in_run(tiny, participant=0), InversionOptions(num_steps=120, num_starts=1)
    )
    assert "inputs were rebuilt at correlation" in facts.gallery_words
    best = facts.gallery[0]
    assert best.alike > 0.95 > best.control_alike
    image = base64.b64decode(best.rebuilt.removeprefix("data:image/png;base64,"))
    assert image.startswith(b"\x89PNG")
    again = audit_inversion(
        source_in_run(tiny, participant=0), InversionOptions(num_steps=120, num_starts=1)
    )
    assert again.to_json() == facts.to_json()


def test_the_first_layer_shows_few_records_as_they_are(tiny):
    source = source_in_run(tiny, participant=1)
    gallery, words = first_layer_gallery(source, source.uploads[0])
    assert gallery[0].alike > 0.95 > gallery[0].control_alike
    assert "upload 0" in words


def test_many_records_are_not_tried_and_that_is_said(kept):
    facts = audit_inversion(source_in_run(kept, participant=0), InversionOptions())
    assert facts.gallery_words.startswith("Not feasible here, and so not tried: 100 records")
    assert facts.gallery == ()


def test_a_turn_that_is_not_there_is_refused(tiny):
    with pytest.raises(BadInput, match=r"known \(0, 1\), got 9"):
        audit_inversion(source_in_run(tiny, participant=0), InversionOptions(turn=9))


def test_own_statistics_hide_what_the_network_saw(tmp_path):
    run_experiment(load_plan(TINY, ["data.normalise=own"]), tmp_path / "own")
    with pytest.raises(BadInput, match="needs public constants"):
        audit_inversion(source_in_run(tmp_path / "own", participant=0), InversionOptions())
