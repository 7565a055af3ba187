"""Gradient inversion of one upload from the journal, with its control, and where it is hopeless."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tithe.audit.gradient_inversion import Recipe, invert_upload, judge_inversion
from tithe.checks import BadInput
from tithe.learning.flat import write_vector
from tithe.learning.local import batches
from tithe.parties.participant import Participant
from tithe.randomness import stream
from tithe.report.audit_facts import AuditFacts, Rebuilt
from tithe.run_audits.gallery import class_means, is_image, rebuilt
from tithe.run_audits.pool import held_rows
from tithe.run_audits.upload_source import UploadSource, learning_rate_of
from tithe.sharing.codec import decode
from tithe.storage.uploads import SentUpload

ASSUMED = (
    "the observer knows labels, recipe and every batch, which is more than a server does",
    "it simulates plain SGD; momentum, noise and what was left over of earlier turns it does not",
)


@dataclass(frozen=True)
class InversionOptions:
    """How hard an upload is inverted.

    Attributes:
      turn: whose upload; None: the first.
      most_records: behind it; with more it is not tried, since nothing was ever rebuilt.
      num_steps: of the descent.
      num_starts: of which the best is kept, by its cost alone.
      seed: of the starts.
    """

    turn: int | None = None
    most_records: int = 16
    num_steps: int = 300
    num_starts: int = 2
    seed: int = 1


def audit_inversion(source: UploadSource, options: InversionOptions) -> AuditFacts:
    """Tries to rebuild the images behind one upload.

    Raises:
      BadInput: no such upload, rows that are no images, or a normalisation that the observer
        cannot know.
    """
    upload = _upload(source, options.turn)
    shard = held_rows(source.participant.shard)
    features, labels = shard.tensors()
    if not is_image(features):
        raise BadInput(
            "gradient inversion rebuilds images with one channel or three, got rows of shape "
            f"{tuple(features.shape[1:])}"
        )
    made = {
        "Run": source.run,
        "Upload": f"turn {upload.turn}, {len(upload.payload):,} bytes",
        "Records behind it": f"{len(labels):,}",
        "Descent": f"{options.num_steps} steps, {options.num_starts} starts",
        "Seed": str(options.seed),
    }
    if len(labels) > options.most_records:
        words = (
            f"Not feasible here, and so not tried: {len(labels):,} records stand behind the upload "
            f"of turn {upload.turn}, and this descent has rebuilt nothing from more than a few."
        )
        return _facts(source, made, words=words, gallery=())
    torch.set_num_threads(source.plan.run.threads)
    scale = _Scale.of(source)
    module = source.make_module()
    assert upload.downloaded is not None
    write_vector(module, upload.downloaded)
    found = invert_upload(
        nn.Sequential(scale, module),
        decode(upload.payload, size=upload.downloaded.numel()),
        labels,
        shape=tuple(features.shape[1:]),
        recipe=Recipe(
            learning_rate=learning_rate_of(source, upload),
            batches=_batches(source.participant, upload.turn, len(labels)),
        ),
        num_steps=options.num_steps,
        num_starts=options.num_starts,
        rng=torch.Generator().manual_seed(options.seed),
    )
    control = class_means(source.public_features, source.public_labels, labels)
    truth, drawn = scale.undone(features), scale.undone(control)
    judged = judge_inversion(found, truth, control=drawn)
    sentence = judged.in_words()
    words = f"Of the upload of turn {upload.turn}: {sentence}; cost {found.cost:.4f}."
    gallery = rebuilt(
        truth,
        found.inputs,
        drawn,
        records=[f"row {row}" for row in range(len(labels))],
        labels=[source.class_names[int(label)] for label in labels],
    )
    return _facts(source, made, words=words, gallery=gallery)


class _Scale(nn.Module):
    """From images in [0, 1] to what the network sees, as the plan normalises them."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean or (0.0,)).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std or (1.0,)).view(1, -1, 1, 1))

    @classmethod
    def of(cls, source: UploadSource) -> _Scale:
        """By the constants of the plan.

        Raises:
          BadInput: rows are normalised by the participant's own statistics.
        """
        how = source.participant.shard.normalisation
        if how.kind == "own":
            raise BadInput(
                'gradient inversion needs public constants; with data.normalise = "own" an '
                "observer does not know what the network saw"
            )
        return cls(how.mean, how.std)

    def forward(self, images: Tensor) -> Tensor:
        """Same shape out as in."""
        return (images - self.mean) / self.std

    def undone(self, seen: Tensor) -> Tensor:
        """The images again."""
        return seen * self.std + self.mean


def _facts(
    source: UploadSource, made: dict[str, str], *, words: str, gallery: tuple[Rebuilt, ...]
) -> AuditFacts:
    return AuditFacts.without_scores(
        "inversion",
        name=f"{source.name}, participant {source.participant.number}",
        assumed=ASSUMED,
        made=made,
        gallery=gallery,
        gallery_words=words,
    )


def _upload(source: UploadSource, turn: int | None) -> SentUpload:
    known = [each for each in source.uploads if each.downloaded is not None]
    wanted = [each for each in known if turn in (None, each.turn)]
    if not wanted:
        turns = ", ".join(str(each.turn) for each in known) or "none"
        raise BadInput(
            f"turn must be one whose upload and beginning are known ({turns}), got {turn}"
        )
    return wanted[0]


def _batches(participant: Participant, turn: int, num_rows: int) -> tuple[tuple[int, ...], ...]:
    """The batches of a turn, as the simulation drew them from its seed."""
    training = participant.training
    rng = stream(participant.seed, purpose="batches", participant=participant.number, turn=turn)
    torch.randint(2**62, (1,), generator=rng)  # what the network's own draws are seeded with
    drawn = batches(
        num_rows,
        batch_size=training.batch_size,
        num_steps=training.num_steps(num_rows),
        rng=rng,
    )
    return tuple(tuple(rows.tolist()) for rows in drawn)
