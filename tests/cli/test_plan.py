"""``tithe plan``: shows plans and explains their keys."""

from __future__ import annotations

from tithe.plan import load_plan
from tithe.plan.reference import reference


def test_the_shown_plan_is_the_plan(tithe, tmp_path):
    (tmp_path / "p.toml").write_text('recipe = "paper"')
    result = tithe("plan", "p.toml", "--set", "sharing.theta_u=0.01")
    assert result.exit_code == 0
    shown = load_plan(result.stdout)
    assert shown == load_plan('recipe = "paper"\n[sharing]\ntheta_u = 0.01')


def test_without_a_file_it_is_a_plan_of_defaults(tithe):
    assert load_plan(tithe("plan").stdout) == load_plan("")


def test_keys_that_do_nothing_are_noted_on_standard_error(tithe):
    result = tithe("plan", "--set", "server.beta=0.5", "--set", "sharing.theta_d=1")
    assert result.exit_code == 0
    assert "note: server.beta does nothing with sharing.theta_d = 1.0" in result.stderr


def test_a_wrong_plan_is_exit_code_2(tithe):
    result = tithe("plan", "nowhere.toml")
    assert result.exit_code == 2
    assert result.stderr == "tithe: there is no plan nowhere.toml\n"


def test_explain_tells_every_key(tithe, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")  # so that no sentence is broken
    result = tithe("plan", "--explain")
    assert result.exit_code == 0
    for key in reference():
        assert key.name in result.stdout
    assert "[[participant]]" in result.stdout
    assert "(error feedback)" in result.stdout
