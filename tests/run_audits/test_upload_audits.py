"""The audit of uploads: what was told so far, from the journal alone, and the same every time."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from tests.run_audits.conftest import SMALL
from tithe.checks import BadInput
from tithe.experiment import run_experiment
from tithe.plan import load_plan
from tithe.report.audit_facts import public
from tithe.run_audits.suspects import rehearsal_of, suspects_of
from tithe.run_audits.upload_source import source_at_site, source_in_run
from tithe.run_audits.uploads import CLOSED, LOSS, OPEN, SUM, UploadOptions, audit_uploads
from tithe.sharing.codec import decode
from tithe.storage.journal_file import DamagedJournal
from tithe.storage.uploads import payload_path
from tithe.upload_folder import journals_in

QUICK = UploadOptions(num_rehearsals=4)


@pytest.fixture(scope="module")
def facts(kept):
    return audit_uploads(source_in_run(kept, participant=0), QUICK)


def by_name(facts):
    return {each.name: each for each in facts.attacks}


def test_small_steps_give_the_member_list_away(facts):
    closed = by_name(facts)[CLOSED]
    assert closed.num_members == closed.num_non_members == 100
    assert closed.auc > 0.9 and closed.named > 30
    assert facts.turns[-1].auc >= facts.turns[0].auc - 0.02  # more uploads tell no less
    assert facts.epsilon.claimed == float("inf") and facts.epsilon.shown > 1
    assert any("selection is not protection" in each for each in facts.advice)


def test_who_sees_less_is_told_less(facts):
    told = by_name(facts)
    assert set(told) == {CLOSED, OPEN, SUM, LOSS}
    assert told[CLOSED].auc > told[SUM].auc > 0.55
    assert told[CLOSED].auc > told[OPEN].auc
    assert abs(told[LOSS].auc - 0.5) < 0.12


def test_labels_are_counted_better_than_by_a_guess(facts):
    assert facts.labels.share_miscounted < facts.labels.share_by_guess + 0.1
    assert sum(facts.labels.recovered) == pytest.approx(100)
    assert sum(facts.labels.true) == 100


def test_a_replay_of_the_journal_gives_the_same_bytes(kept, facts):
    again = audit_uploads(source_in_run(kept, participant=0), QUICK)
    assert again.to_json() == facts.to_json()


def test_the_public_form_names_nobody(facts):
    text = public(facts).to_json().decode()
    assert "row " in facts.to_json().decode() and '"record"' not in text
    assert '"recovered"' not in text


def test_private_uploads_do_not_give_the_member_list_away(tmp_path):
    changes = ["privacy.unit=record", "privacy.epsilon=2", "privacy.delta=1e-3"]
    run_experiment(load_plan(SMALL, changes), tmp_path / "private")
    facts = audit_uploads(source_in_run(tmp_path / "private", participant=0), QUICK)
    assert by_name(facts)[CLOSED].auc < 0.7
    assert 0 < facts.epsilon.claimed <= 2
    assert facts.epsilon.shown <= facts.epsilon.claimed
    assert [turn.epsilon for turn in facts.turns] == sorted(turn.epsilon for turn in facts.turns)


def test_a_rehearsed_upload_stands_on_the_coordinates_that_everybody_knows(tmp_path):
    changes = [
        "privacy.unit=participant", "privacy.epsilon=8", "privacy.delta=1e-3",
        "sharing.gamma=0.01", "sharing.theta_u=0.1",
    ]  # fmt: skip
    run_experiment(load_plan(SMALL, changes), tmp_path / "noisy")
    source = source_in_run(tmp_path / "noisy", participant=0)
    suspects = suspects_of(source, most_records=30, seed=1)
    module = source.make_module()
    for upload in source.uploads:
        rehearse = rehearsal_of(
            source, suspects, upload.downloaded, module=module, learning_rate=0.02,
            number=upload.turn,
        )  # fmt: skip
        sent = decode(upload.payload, size=upload.downloaded.numel())
        assert 0 < len(sent.indices) < upload.downloaded.numel() / 2
        assert torch.equal(rehearse(np.arange(30), 5).indices, sent.indices)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (UploadOptions(num_rehearsals=5), "even and at least 4, got 5"),
        (UploadOptions(most_records=10), "at least 20 rows"),
    ],
)
def test_options_that_tell_nothing_are_refused(kept, options, sentence):
    with pytest.raises(BadInput, match=sentence):
        audit_uploads(source_in_run(kept, participant=0), options)


def test_an_unknown_participant_is_refused_in_a_sentence(kept):
    with pytest.raises(BadInput, match="participant must be one of 0, 1"):
        source_in_run(kept, participant=2)


def test_a_forged_upload_is_found_before_any_figure(kept, tmp_path):
    shutil.copytree(kept, tmp_path / "run")
    path = payload_path(journals_in(tmp_path / "run")[0], 1)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(DamagedJournal, match="is not what was sent"):
        source_in_run(tmp_path / "run", participant=0)


def test_a_journal_of_another_run_is_refused(kept, tmp_path):
    shutil.copytree(kept, tmp_path / "run")
    about = tmp_path / "run" / "about.json"
    about.write_text(about.read_text().replace('"run": "', '"run": "f'))
    with pytest.raises(BadInput, match="is of run"):
        source_in_run(tmp_path / "run", participant=0)


def test_a_folder_at_a_site_is_read_like_a_run(kept, tmp_path):
    journal = journals_in(kept)[1]
    run = source_in_run(kept, participant=1).run
    site = tmp_path / run
    shutil.copytree(journal, site / "sent")
    shutil.copy(kept / "plan.toml", site / "plan.toml")
    source = source_at_site(site, data="digits", options={})
    assert source.participant.number == 1 and len(source.uploads) == 2
    assert source.others == {}
