"""The participant's loop over a post office, with the server's loop in the same thread."""

from __future__ import annotations

from contextlib import closing
from itertools import count

from tests.federation.small_federation import RUN, Federation
from tithe.federation.attend import attend
from tithe.federation.store import run_of


def test_a_site_answers_until_it_is_told_to_stop(tmp_path):
    steps = count()
    with closing(Federation(tmp_path, "data.train_rows=40", "exchange.rounds=1")) as federation:
        federation.open_server()

        def others_act(_):
            federation.coordinator.step()
            for number in (1, 2):
                federation.attend(number)

        attend(
            federation.office.node(100),
            federation.sites[0],
            should_stop=lambda: federation.coordinator.is_done or next(steps) > 200,
            sleep=others_act,
        )
        assert federation.coordinator.is_done
        assert federation.central.places[0].acknowledged.turn == 0
        assert run_of(tmp_path / "server") == (RUN, federation.terms.plan_hash)
    assert run_of(tmp_path / "nowhere") is None
