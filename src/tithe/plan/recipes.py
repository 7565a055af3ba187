"""Recipes: named sets of defaults for the method, under what a plan says itself."""

from __future__ import annotations

from collections.abc import Mapping

DEFAULT_RECIPE = "recommended"

# recipe -> section -> key -> value. What a plan says wins over its recipe, and the recipe wins over
# the fields' own defaults. Only [training], [sharing], [server] and [exchange] may stand here.
RECIPES: Mapping[str, Mapping[str, Mapping[str, object]]] = {
    # What measured best at small theta_u (experiments/recipe): the largest values, and a residual
    # that settles against what others did meanwhile.
    "recommended": {
        "sharing": {
            "selection": "largest",
            "residual": True,
            "residual_keep": 1.0,
            "residual_settle": True,
            "train_from_residual": False,
        },
        # Only where turns overlap: thirty stale updates in full strength make the sum diverge
        # (experiments/exchange).
        "server": {"staleness_power": 1.0},
    },
    # As published: Shokri & Shmatikov 2015, the setting of their figures (gamma, tau, largest
    # values, theta_d = 1, round robin, batches of one image, no momentum). alpha is the default of
    # the Torch7 code that descends from theirs; its decay of 1e-7 restarted every epoch, so that
    # the rate was constant for all purposes. That code bounded before it selected. beta was never
    # stated; with theta_d = 1 the counters decide nothing.
    "paper": {
        "training": {
            "learning_rate": 0.001,
            "schedule": "constant",
            "batch_size": 1,
            "local_epochs": 1.0,
            "momentum": 0.0,
            "weight_decay": 0.0,
        },
        "sharing": {
            "theta_d": 1.0,
            "selection": "largest",
            "tau": 0.0001,
            "gamma": 0.001,
            "bound_first": True,
            "residual": False,
        },
        "server": {"learning_rate": 1.0, "momentum": 0.0, "combine": "add"},
        "exchange": {"order": "round_robin"},
    },
    # The largest values, and what was not sent is forgotten.
    "plain": {"sharing": {"selection": "largest", "residual": False}},
}

# privacy.unit -> the same, over the recipe's and under the plan's own keys: what is not sent of a
# change that leaves with noise is mostly the last turn's noise.
BY_UNIT: Mapping[str, Mapping[str, Mapping[str, object]]] = {
    "participant": {"sharing": {"residual": False}},
}
