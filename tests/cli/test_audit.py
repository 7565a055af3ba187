"""``tithe audit`` lets sound code stand, exits with 1 when a claim is rejected, and says so."""

from __future__ import annotations

import json

import pytest

from tithe import code_audits
from tithe.audit import training_audit
from tithe.build.upload_noise import upload_noise

LAPLACE = [
    "--set", "privacy.unit=participant", "--set", "privacy.release=laplace",
    "--set", "sharing.gamma=0.1", "--set", "privacy.relation=replace",
]  # fmt: skip


def test_a_sound_mechanism_stands(tithe):
    done = tithe("audit", "mechanism", *LAPLACE, "--runs", "200", "--json")
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["is_rejected"] is False
    (finding,) = told["findings"]
    assert finding["way"] == "mask"
    assert finding["claimed"] == pytest.approx(1.0)
    assert finding["shown"] <= 1.0 < finding["ceiling"]


def test_noise_four_times_too_small_exits_with_1(tithe, monkeypatch):
    def too_quiet(privacy, sharing, *, size):
        events_at, finish = upload_noise(privacy, sharing, size=size)

        def finish_quietly(scale):
            stage, private = finish(scale / 4)

            def share(update, coins):
                return stage(update, coins)[0], events_at(scale)

            return share, private

        return events_at, finish_quietly

    monkeypatch.setattr(code_audits, "upload_noise", too_quiet)
    done = tithe("audit", "mechanism", *LAPLACE, "--runs", "1500")
    assert done.exit_code == 1
    assert "REJECTED" in done.stdout
    assert "the claim is rejected for: mask" in done.stderr


def test_sound_training_stands_and_quiet_training_is_caught(tithe, monkeypatch):
    few = ["audit", "dpsgd", "--canaries", "2000", "--steps", "50"]
    done = tithe(*few, "--json")
    assert done.exit_code == 0, done.stderr
    (finding,) = json.loads(done.stdout)["findings"]
    assert finding["shown"] < finding["claimed"] < finding["ceiling"]
    drawn = training_audit.fast_gaussian
    monkeypatch.setattr(
        training_audit, "fast_gaussian", lambda count, *, bits: drawn(count, bits=bits) / 8
    )
    done = tithe(*few)
    assert done.exit_code == 1
    assert "the claim is rejected for: DP-SGD, flat clipping" in done.stderr


@pytest.mark.parametrize(
    ("command", "changes", "sentence"),
    [
        ("mechanism", ["privacy.unit=record"], 'must be "participant" for an audit of mechanisms'),
        (
            "mechanism",
            [
                "privacy.unit=participant",
                "privacy.mechanism=sparse_vector_as_printed",
                "privacy.epsilon_per_turn=1.0",
                "sharing.gamma=0.1",
            ],
            "claims no finite epsilon, so there is no claim to audit",
        ),
        ("dpsgd", ["privacy.unit=none"], 'must be "record" for an audit of training'),
        (
            "dpsgd",
            ["privacy.unit=record", "privacy.sampling=shuffle"],
            'must be "poisson" and privacy.microbatch 1',
        ),
    ],
)
def test_what_cannot_be_tried_is_refused_in_a_sentence(tithe, command, changes, sentence):
    sets = [part for change in changes for part in ("--set", change)]
    done = tithe("audit", command, *sets)
    assert done.exit_code == 2
    assert sentence in done.stderr
