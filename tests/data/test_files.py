"""A user's own data from where she says it is; the formats have their own tests."""

from __future__ import annotations

import numpy as np
import pytest

from tithe.checks import BadInput
from tithe.data.files import OWN_SCHEMES, load_features, load_own


@pytest.mark.parametrize("scheme", [scheme for scheme in OWN_SCHEMES if scheme != "python"])
@pytest.mark.parametrize("place", ["", "no/such/place"])
def test_a_path_that_is_not_there_is_refused(scheme, place):
    with pytest.raises(BadInput, match=f"{scheme}:{place}: the path must exist"):
        load_own(scheme, place, options={})


def test_nothing_is_known_in_public_of_a_users_own_data(tmp_path):
    path = tmp_path / "own.npz"
    np.savez(path, x=np.zeros((10, 2)), y=np.arange(10) % 2)
    data = load_own("npz", str(path), options={}).train
    assert (data.mean, data.std) == ((), ())


@pytest.mark.parametrize("source", ["mnist", "python:a:b", "own.npz"])
def test_only_files_can_be_predicted(source):
    with pytest.raises(BadInput, match="rows to predict must be npz:PATH"):
        load_features(source, options={})
