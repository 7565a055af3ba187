"""What a model takes each class to look like: an illustration, and no measure of anybody's risk."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from tithe.audit.first_layer import correlations
from tithe.audit.model_inversion import invert_classes
from tithe.report.audit_facts import Rebuilt
from tithe.run_audits.gallery import as_uri, class_means, is_image
from tithe.run_audits.pool import Pool


def class_pictures(
    module: nn.Module, pool: Pool, class_names: tuple[str, ...]
) -> tuple[tuple[Rebuilt, ...], str]:
    """The input that the model is surest of, for three classes, and what it is alike to.

    It is set beside the member of its class that it is most alike to; the control is the class's
    mean of rows that nobody trained on. As many strangers are searched as members, and both are
    told.
    """
    if not is_image(pool.features):
        return (), ""
    found = invert_classes(
        module,
        shape=tuple(pool.features.shape[1:]),
        num_classes=len(class_names),
        low=float(pool.features.min()),
        high=float(pool.features.max()),
    ).inputs
    table = correlations(
        found.flatten(1).double().numpy(), pool.features.flatten(1).double().numpy()
    )
    same = pool.labels.numpy()[None, :] == np.arange(len(class_names))[:, None]  # (c, 2m)
    table = np.where(same, table, -1.0)
    num = len(pool.owners)
    members, strangers = table[:, :num].max(axis=1), table[:, num:].max(axis=1)
    seen = (members > -1) & (strangers > -1)
    if not seen.any():
        return (), ""
    shown = [int(label) for label in np.argsort(-members, kind="stable") if seen[label]][:3]
    control = class_means(
        pool.population_features, pool.population_labels, torch.arange(len(class_names))
    )
    means = correlations(
        found.flatten(1).double().numpy(), control.flatten(1).double().numpy()
    ).diagonal()
    nearest = table[:, :num].argmax(axis=1)
    pictures = tuple(
        Rebuilt(
            record=f"the nearest member of class {class_names[label]}",
            label=class_names[label],
            truth=as_uri(pool.features[int(nearest[label])]),
            rebuilt=as_uri(found[label]),
            control=as_uri(control[label]),
            alike=float(members[label]),
            control_alike=float(means[label]),
        )
        for label in shown
    )
    words = (
        "An illustration, and no measure of risk: the input that the model is surest of in each "
        f"class has correlation {members[seen].mean():.2f} with the nearest member of the class "
        f"and {strangers[seen].mean():.2f} with the nearest of as many strangers."
    )
    return pictures, words
