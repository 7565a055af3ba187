"""What an audit of uploads needs: the journals, the plan, and the participant's own rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from tithe.audit.upload_check import UploadCheck
from tithe.build import build
from tithe.build.upload_look import UploadLook
from tithe.checks import BadInput
from tithe.federation.party import party_with
from tithe.parties.participant import Participant
from tithe.plan import Plan, load_plan
from tithe.record import PLAN, read_about
from tithe.storage.uploads import SentUpload, read_uploads
from tithe.upload_folder import journals_in, run_in


@dataclass(frozen=True, eq=False)
class UploadSource:
    """Everything about one participant's uploads.

    Attributes:
      name: of the run.
      run: its own name for good.
      plan: of the run.
      participant: whose uploads are audited.
      make_module: a network of d parameters.
      public_features, public_labels: rows that nobody trains on.
      class_names: of the classes.
      uploads: the participant's, in their order.
      others: of the others in the same run whose journals are here, by number.
    """

    name: str
    run: str
    plan: Plan
    participant: Participant
    make_module: Callable[[], nn.Module]
    public_features: Tensor
    public_labels: Tensor
    class_names: tuple[str, ...]
    uploads: tuple[SentUpload, ...]
    others: Mapping[int, tuple[SentUpload, ...]]


def source_in_run(
    directory: Path, *, participant: int, data_root: Path | None = None
) -> UploadSource:
    """From the folder of a run on this machine that kept its uploads.

    Raises:
      BadInput: no journal of this participant is there, or one is damaged or of another run.
    """
    plan = load_plan(directory / PLAN)
    name = run_in(directory, plan=plan)
    sent = {
        uploads[0].participant: uploads
        for uploads in (tuple(read_uploads(each, run=name)) for each in journals_in(directory))
        if uploads
    }
    if participant not in sent:
        raise BadInput(
            f"participant must be one of {', '.join(map(str, sorted(sent)))}, whose uploads are "
            f"in {directory}, got {participant}"
        )
    built = build(plan, data_root=data_root)
    joint = built.phases[0]
    (who,) = [each for each in joint.participants if each.number == participant]
    return UploadSource(
        name=str(read_about(directory).get("name", directory.name)),
        run=name,
        plan=plan,
        participant=who,
        make_module=joint.make_module,
        public_features=built.test_features,
        public_labels=built.test_labels,
        class_names=built.class_names,
        uploads=sent.pop(participant),
        others=sent,
    )


def source_at_site(
    directory: Path, *, data: str, options: dict[str, object], data_root: Path | None = None
) -> UploadSource:
    """From the folder of a federated run at the participant's own site, with its own data.

    Args:
      directory: of the run, below ``runs/`` in the site's folder.
      data: as it was given to ``tithe join``.
      options: likewise.
      data_root: where data sets lie.
    Raises:
      BadInput: no journal is there, it is damaged, or the data do not fit the plan.
    """
    plan = load_plan(directory / PLAN)
    (folder,) = journals_in(directory)
    uploads = tuple(read_uploads(folder, run=directory.resolve().name))
    if not uploads:
        raise BadInput(f"{folder} holds no upload yet, so nothing was told")
    number = uploads[0].participant
    party = party_with(plan, number, data=data, options=options, data_root=data_root)
    features, labels = party.held_out
    return UploadSource(
        name=plan.name,
        run=directory.resolve().name,
        plan=plan,
        participant=party.participant,
        make_module=party.make_module,
        public_features=features,
        public_labels=labels,
        class_names=party.participant.shard.data.class_names,
        uploads=uploads,
        others={},
    )


def checks_of(source: UploadSource, uploads: Sequence[SentUpload]) -> list[UploadCheck]:
    """The quick look at some of the uploads, made again from the journal alone."""
    look = UploadLook(
        source.participant,
        source.make_module,
        (source.public_features, source.public_labels),
        num_classes=len(source.class_names),
        sends_largest=source.plan.sends_largest(source.participant.number),
    )
    checks = []
    for upload in uploads:
        assert upload.downloaded is not None
        rate = learning_rate_of(source, upload)
        checks.append(look.at(upload.payload, upload.downloaded, learning_rate=rate))
    return checks


def learning_rate_of(source: UploadSource, upload: SentUpload) -> float:
    """Alpha of the turn, as it was written down or as the plan has it."""
    told = upload.facts.get("learning_rate")
    return float(told) if told else source.participant.learning_rate(upload.turn)
