"""Small private plans, one for every way to protect, for the tests of whole turns and runs."""

from __future__ import annotations

SMALL = {
    "name": "small",
    "data": {"train_rows": 120, "test_rows": 40},
    "partition": {"participants": 3},
    "model": {"name": "digits-mlp"},
    "training": {"batch_size": 10, "learning_rate": 0.1},
    "sharing": {"theta_u": 0.01},
    "exchange": {"rounds": 2},
    "baselines": {"centralised": False, "standalone": 0},
}
RECORD = ["privacy.unit=record"]
PARTICIPANT = ["privacy.unit=participant", "sharing.gamma=0.01"]

BY_RECORD = {
    "record": RECORD,
    "record, automatic": [*RECORD, "privacy.clipping=automatic", "training.momentum=0.5"],
    "record, shuffled": [*RECORD, "privacy.sampling=shuffle"],
    "record, microbatches": [*RECORD, "privacy.microbatch=2"],
    "record, part download": [*RECORD, "sharing.theta_d=0.5", "sharing.values=float16"],
}
BY_PARTICIPANT = {
    "mask, gaussian": PARTICIPANT,
    "mask, laplace": [*PARTICIPANT, "privacy.release=laplace"],
    "mask, pure": [*PARTICIPANT, "privacy.release=laplace", "privacy.delta=0.0"],
    "mask, replace": [*PARTICIPANT, "privacy.relation=replace"],
    "noise first, gaussian": [*PARTICIPANT, "privacy.mechanism=noise_first"],
    "noise first, laplace": [
        *PARTICIPANT,
        "privacy.mechanism=noise_first",
        "privacy.release=laplace",
        "privacy.relation=replace",
    ],
    "gumbel, gaussian": [*PARTICIPANT, "privacy.mechanism=gumbel"],
    "gumbel, laplace": [
        *PARTICIPANT,
        "privacy.mechanism=gumbel",
        "privacy.release=laplace",
        "privacy.selection_share=0.3",
        "privacy.relation=replace",
    ],
    "sparse vector": [*PARTICIPANT, "privacy.mechanism=sparse_vector"],
    "sparse vector, replace": [
        *PARTICIPANT,
        "privacy.mechanism=sparse_vector",
        "privacy.relation=replace",
        "privacy.selection_share=0.7",
        "sharing.tau=0.001",
    ],
    "sparse vector of the paper": [
        *PARTICIPANT,
        "privacy.mechanism=sparse_vector_paper",
        "privacy.delta=0.0",
    ],
}
BOUNDED_AFTER = {
    "mask, bounded after": [*PARTICIPANT, "privacy.bound_after=true"],
    "sparse vector of the paper, bounded after": [
        *PARTICIPANT,
        "privacy.mechanism=sparse_vector_paper",
        "privacy.bound_after=true",
    ],
}
CALIBRATED = {**BY_RECORD, **BY_PARTICIPANT, **BOUNDED_AFTER}
AS_PRINTED = [
    *PARTICIPANT,
    "privacy.mechanism=sparse_vector_as_printed",
    "privacy.epsilon_per_turn=4.0",
]
EVERY_WAY = {**CALIBRATED, "as printed": AS_PRINTED}


class RowsInMemory:
    """Where a ledger's rows last as long as the test."""

    def __init__(self):
        self._rows = []

    def append(self, row):
        self._rows.append(dict(row))
        return len(self._rows)

    def rows(self):
        return list(self._rows)
