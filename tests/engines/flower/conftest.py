"""A real SuperLink with TLS and node keys, for the tests that hold us to Flower's protocol."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from tithe.engines.flower.certificates import make_certificates
from tithe.engines.flower.node_keys import create_node_key, node_public_bytes
from tithe.engines.flower.node_post import FlowerNodePost
from tithe.engines.flower.server_post import FlowerServerPost
from tithe.engines.flower.superlink import SuperLink, free_port


def until(probe, *, seconds=60.0):
    """What probe gives once it gives something; the tests' own machine may be slow."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := probe():
            return found
        time.sleep(0.02)
    raise AssertionError(f"nothing came within {seconds:.0f} s")


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """A SuperLink with its database on disk, a server post, and the keys of two nodes."""
    folder = tmp_path_factory.mktemp("office")
    certificates = make_certificates(folder / "certificates", hosts=[])
    keys = [create_node_key(folder / f"node-{number}.key") for number in range(2)]
    told = []
    with SuperLink.start(folder / "link", port=free_port(), certificates=certificates) as link:
        post = FlowerServerPost(
            link.address,
            secret=link.folder.secret.read_bytes(),
            node_keys=lambda: [node_public_bytes(key) for key in keys],
            tell=told.append,
        )
        with post:
            until(lambda: post.nodes() or post.is_connected)  # the nodes are registered now
            yield SimpleNamespace(
                folder=folder,
                certificates=certificates,
                keys=keys,
                link=link,
                post=post,
                told=told,
                node=lambda key: FlowerNodePost(
                    link.address,
                    key=key,
                    number_file=folder / f"number-{keys.index(key)}" if key in keys else None,
                    tell=told.append,
                ),
            )
