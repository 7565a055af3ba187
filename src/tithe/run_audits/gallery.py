"""Records beside what was rebuilt of them, and beside a control: pictures for a report."""

from __future__ import annotations

import base64
import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from tithe.audit.first_layer import correlations, row_ratios
from tithe.audit.layer_places import first_linear
from tithe.checks import BadInput
from tithe.report.audit_facts import Rebuilt
from tithe.run_audits.pool import held_rows
from tithe.run_audits.upload_source import UploadSource
from tithe.sharing.codec import decode
from tithe.storage.uploads import SentUpload

SHOWN = 3


def rebuilt(
    truth: Tensor,
    found: Tensor,
    control: Tensor,
    *,
    records: list[str],
    labels: list[str],
) -> tuple[Rebuilt, ...]:
    """The records that were rebuilt best, at most three, with their controls.

    Args:
      truth: images as they are, shape ``(n, c, h, w)``.
      found: what was rebuilt of each, the same shape.
      control: what stands for each without the upload, the same shape.
      records: which they are.
      labels: their classes' names.
    """
    alike, beside = (
        np.diag(correlations(_flat(truth), _flat(other))) for other in (found, control)
    )
    return tuple(
        Rebuilt(
            record=records[place],
            label=labels[place],
            truth=as_uri(truth[place]),
            rebuilt=as_uri(found[place]),
            control=as_uri(control[place]),
            alike=float(alike[place]),
            control_alike=float(beside[place]),
        )
        for place in np.argsort(-alike, kind="stable")[:SHOWN]
    )


def first_layer_gallery(
    source: UploadSource, upload: SentUpload
) -> tuple[tuple[Rebuilt, ...], str]:
    """What the rows of the first layer show, and in words; nothing where they show no images."""
    assert upload.downloaded is not None
    features, labels = held_rows(source.participant.shard).tensors()
    if not is_image(features):
        return (), ""
    try:
        place = first_linear(source.make_module())
    except BadInput:
        return (), ""
    ratios = row_ratios(decode(upload.payload, size=upload.downloaded.numel()), place)
    if not len(ratios) or ratios.shape[1] != features[0].numel():
        return (), ""
    table = correlations(_flat(features), ratios)
    found = torch.from_numpy(ratios[table.argmax(axis=1)]).float().view(features.shape)
    control = class_means(source.public_features, source.public_labels, labels)
    shown = rebuilt(
        features,
        found,
        control,
        records=[f"row {row}" for row in range(len(labels))],
        labels=[source.class_names[int(label)] for label in labels],
    )
    best = shown[0]
    words = (
        f"Read off the first layer of upload {upload.turn}: the best of {len(labels):,} records "
        f"has correlation {best.alike:.2f}, and its control {best.control_alike:.2f}."
    )
    return shown, words


def class_means(features: Tensor, labels: Tensor, wanted: Tensor) -> Tensor:
    """For each wanted class the mean of public records; of all of them where it has none."""
    means = {int(label): features[labels == label].mean(dim=0) for label in labels.unique()}
    everybody = features.mean(dim=0)
    return torch.stack([means.get(int(label), everybody) for label in wanted])


def is_image(features: Tensor) -> bool:
    """Whether rows are images with one channel or three."""
    return features.dim() == 4 and features.shape[1] in (1, 3) and features.is_floating_point()


def as_uri(image: Tensor) -> str:
    """A PNG of an image ``(c, h, w)``, stretched from its darkest to its lightest value."""
    low, high = image.min(), image.max()
    grey = ((image - low) / (high - low).clamp(min=1e-12) * 255).round().byte()
    pixels = grey.permute(1, 2, 0).numpy()  # (c, h, w) -> (h, w, c)
    buffer = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _flat(images: Tensor) -> np.ndarray:
    return images.flatten(1).double().numpy()
