"""Screens from a file: read with clear refusals, made for the plan, and told of what was before."""

from __future__ import annotations

from contextlib import closing

import pytest

from tests.federation.small_federation import Federation
from tithe.checks import BadInput
from tithe.federation.gatekeeper import Objection
from tithe.federation.screening import Screening, read_screening, screens_of
from tithe.federation.screens import DirectionScreen, HeldOutScreen, NormScreen
from tithe.learning.evaluate import Quality

TOGETHER = ("exchange.order=synchronous", "server.combine=mean")
ALL = {"length": {}, "direction": {}, "held_out": {}}


def measure(vector):
    return Quality(0.0, float(vector.square().sum()), ())


@pytest.fixture
def file(tmp_path):
    return tmp_path / "screens.toml"


def test_without_a_file_no_screen_is_asked(file):
    assert read_screening(file) == Screening()


def test_a_section_that_is_there_is_asked_with_its_own_limits(file):
    file.write_text("[length]\nfactor = 3.5\n[held_out]\n")
    screening = read_screening(file)
    assert screening.length.factor == 3.5
    assert screening.held_out.tolerance == 0.1
    assert screening.direction is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[length]\nfactor = 0.5\n", "factor"),
        ("[lenght]\n", "lenght"),
        ("[direction]\nleast_cosine = 1.0\n", "least_cosine"),
        ("[length", "no TOML"),
    ],
)
def test_a_wrong_file_is_refused_by_its_name_and_key(file, text, sentence):
    file.write_text(text)
    with pytest.raises(BadInput, match=sentence) as refused:
        read_screening(file)
    assert str(file) in str(refused.value)


def test_screens_come_in_the_order_of_their_cost(tmp_path):
    with closing(Federation(tmp_path, *TOGETHER)) as federation:
        federation.open_server()
        made = screens_of(
            Screening.model_validate(ALL),
            federation.central,
            store=federation.store,
            measure=measure,
        )
    assert [type(each) for each in made] == [NormScreen, DirectionScreen, HeldOutScreen]


@pytest.mark.parametrize(
    ("sections", "sentence"),
    [({"direction": {}}, "exchange.order"), ({"held_out": {}}, "rows of the server's own")],
)
def test_a_screen_that_cannot_work_here_is_refused(tmp_path, sections, sentence):
    with closing(Federation(tmp_path)) as federation:
        federation.open_server()
        with pytest.raises(BadInput, match=sentence):
            screens_of(
                Screening.model_validate(sections),
                federation.central,
                store=federation.store,
                measure=None,
            )


def test_after_a_restart_the_screens_know_what_was_applied_before(tmp_path):
    with closing(Federation(tmp_path)) as federation:
        federation.play()
        update = federation.central.server.store.changed_since(-1)
        (screen,) = screens_of(
            Screening.model_validate({"length": {}}),
            federation.central,
            store=federation.store,
            measure=None,
        )
    long = update.with_values(update.values + 100.0)
    assert screen.objection(long) is Objection.NORM
