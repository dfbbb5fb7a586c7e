"""Credentials that somebody else keeps: read at each request, never printed."""

import asyncio

import pytest

from mcp_auth_bridge.credentials.base import Refusal, Target
from mcp_auth_bridge.credentials.static import AnonymousCredentials, BearerCredentials, describe, resolve
from mcp_auth_bridge.errors import AccessDenied, ConfigError, LoginRequired
from mcp_auth_bridge.secret import Env, File, Literal
from mcp_auth_bridge.urls import Purpose, gate

TARGET = Target("POST", gate("https://mcp.example/mcp", Purpose.SERVER))


def headers(credentials, refused=None):
    return asyncio.run(credentials.headers(TARGET, refused))


def test_a_server_that_wants_credentials_of_nobody_is_explained():
    assert headers(AnonymousCredentials("acme")) == {}
    with pytest.raises(LoginRequired, match="acme wants credentials") as raised:
        headers(AnonymousCredentials("acme"), Refusal(401, None, {}))
    assert "mcp-auth-bridge login" in raised.value.hint


def test_a_token_is_read_again_for_each_request():
    environment = {"TOKEN": "one"}
    credentials = BearerCredentials("acme", Env("TOKEN"), environment)
    assert headers(credentials) == {"authorization": "Bearer one"}
    environment["TOKEN"] = "two"
    assert headers(credentials, Refusal(401, None, {"authorization": "Bearer one"})) == {"authorization": "Bearer two"}


@pytest.mark.parametrize(
    ("token", "place"),
    [(Env("TOKEN"), "the environment variable TOKEN"), (Literal("hunter2"), "the value in the config")],
)
def test_a_token_that_is_refused_twice_is_named_by_its_place_and_not_shown(token, place):
    credentials = BearerCredentials("acme", token, {"TOKEN": "hunter2"})
    with pytest.raises(AccessDenied, match=r"refused the configured token \(HTTP 401\)") as raised:
        headers(credentials, Refusal(401, None, headers(credentials)))
    assert place in raised.value.hint
    assert "hunter2" not in raised.value.message + raised.value.hint


def test_a_file_is_read_without_its_last_line_end(tmp_path):
    path = tmp_path / "token"
    path.write_text("hunter2\r\n")
    assert resolve(File(str(path)), {}, "the token") == "hunter2"
    assert describe(File(str(path))) == f"the file {path}"


@pytest.mark.parametrize(
    "content", [b"hunter2\nX-Evil: 1", b"hunter2\x00", "hünter2".encode(), b"\xffhunter2", b" hunter2"]
)
def test_a_value_that_a_header_cannot_carry_is_refused_and_not_shown(tmp_path, content):
    path = tmp_path / "token"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as raised:
        resolve(File(str(path)), {}, "the token of acme")
    assert "hunter2" not in raised.value.message + raised.value.hint
    assert "the token of acme" in raised.value.message


@pytest.mark.parametrize("environment", [{}, {"TOKEN": ""}])
def test_a_variable_that_is_not_set_is_named(environment):
    with pytest.raises(ConfigError, match="environment variable TOKEN, which is not set"):
        resolve(Env("TOKEN"), environment, "the token")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match="which cannot be read: no such file"):
        resolve(File(str(tmp_path / "none")), {}, "the token")
