"""What a federated participant keeps of what it sent: enough to audit it at its own site alone."""

from __future__ import annotations

from contextlib import closing

import pytest
import torch

from tests.federation.small_federation import Federation, party_of, plan_with
from tithe.parties.participant import lay_on
from tithe.sharing.codec import decode
from tithe.storage.uploads import read_uploads


@pytest.fixture(scope="module")
def sent(tmp_path_factory):
    """The journals of three participants who took three turns each, and where they began."""
    folder = tmp_path_factory.mktemp("federation")
    with closing(Federation(folder)) as federation:
        federation.play()
    found = []
    for number in range(3):
        (run,) = (folder / f"site-{number}" / "runs").iterdir()
        found.append(read_uploads(run / "sent", run=run.name))
    return found


def test_every_upload_is_there_with_the_parameters_that_it_began_from(sent):
    in_order = sorted(
        (u for uploads in sent for u in uploads), key=lambda u: (u.turn, u.participant)
    )
    assert [upload.turn for upload in in_order] == [0] * 3 + [1] * 3 + [2] * 3
    assert all(upload.downloaded is not None for upload in in_order)
    initial = party_of(plan_with(), 0).initial
    first = [upload for upload in in_order if torch.equal(upload.downloaded, initial)]
    assert [(upload.participant, upload.turn) for upload in first] == [(0, 0)]
    after = lay_on(initial, decode(first[0].payload, size=initial.numel()))
    assert torch.allclose(after, in_order[1].downloaded, atol=1e-6)


def test_a_row_tells_recipe_account_ledger_mark_and_the_quick_look(sent):
    facts = sent[1][0].facts
    assert facts["num_rows"] > 0 and facts["learning_rate"] > 0
    assert {"epsilon", "ledger_hash", "ledger_sequence", "training", "residual"} <= set(facts)
    assert sum(facts["check"]["true_counts"]) == facts["check"]["num_records"]
