"""The two settings against core files: made before anything else, given back to a program, and never fatal."""

import resource

import pytest

from mcp_auth_bridge.shell.process import core_dumps


@pytest.fixture
def kernel(monkeypatch, tmp_path):
    """The limit and the filter of a process that may have core files."""
    limits = {"now": (4096, 8192)}
    monkeypatch.setattr(core_dumps, "_FILTER", tmp_path / "filter")
    monkeypatch.setattr(core_dumps, "_Before", type("_Before", (), {"soft": None, "filter": None}))
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits["now"])
    monkeypatch.setattr(resource, "setrlimit", lambda _, wanted: limits.update(now=wanted))
    (tmp_path / "filter").write_text("33\n")
    return lambda: (limits["now"], (tmp_path / "filter").read_text())


def test_this_process_has_no_core_and_the_program_after_it_has_what_was_there(kernel):
    core_dumps.forbid()
    assert kernel() == ((0, 8192), "0")
    core_dumps.allow_again()
    assert kernel() == ((4096, 8192), "0x33")


def test_nothing_is_given_back_that_was_never_taken(kernel):
    core_dumps.allow_again()
    assert kernel() == ((4096, 8192), "33\n")


def test_a_sandbox_that_allows_neither_is_left_as_it_is(kernel, monkeypatch, tmp_path):
    def denied(*_):
        raise PermissionError

    monkeypatch.setattr(resource, "setrlimit", denied)
    monkeypatch.setattr(core_dumps, "_FILTER", tmp_path / "missing")
    core_dumps.forbid()
    core_dumps.allow_again()
    assert kernel() == ((4096, 8192), "33\n")
