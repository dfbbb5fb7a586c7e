"""The end of one login or of all, against a server that plays a script: the messages, the store and the exit code."""

import asyncio

import pytest
from peers.scripted import CUT, REQUEST, Scripted, ok

from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.app.store_access import StoreAccess
from mcp_auth_bridge.commands import logout
from mcp_auth_bridge.config import config_file
from mcp_auth_bridge.config.profile import ServerChoice
from mcp_auth_bridge.errors import ConfigError, StoreError
from mcp_auth_bridge.oauth.session import CLIENTS, Client, Session, dump
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.files.paths import paths_below
from mcp_auth_bridge.stores.sealed import file_name

KEY = "bWNwLWF1dGgtYnJpZGdlLWVuZC10by1lbmQtdGVzdHM=\n"
NO = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
GONE = b"HTTP/1.1 204 No Content\r\n\r\n"


class Machine:
    """A store with logins at one authorization server, which is `server`. `say` is what was said."""

    def __init__(self, folder, server, capsys):
        self._folder, self._capsys = folder, capsys
        self.server, self.origin = server, f"http://127.0.0.1:{server.port}"
        self.paths = paths_below(folder)
        (folder / "key").touch(0o600)
        (folder / "key").write_text(KEY)
        self.text = f"[store]\nkind = 'key_file'\npath = '{folder / 'key'}'\n"
        self.store = StoreAccess(self.context.config.store, self.paths).store

    @property
    def context(self):
        return Context(self.paths, config_file.parse(self.text, self.paths.config), {})

    def configure(self, *names):
        self.text += "".join(f"[servers.{name}]\nurl = '{self.url(name)}'\n" for name in names)

    def url(self, name):
        return f"https://{name}.example/mcp"

    def log_in(self, name, *, client="c", revokes=True):
        known = Client(
            issuer=self.origin,
            id=client,
            management_uri=f"{self.origin}/c/{client}",
            management_token=Secret("RAT"),
        )
        session = Session(
            resource=self.url(name),
            issuer=self.origin,
            token_endpoint=f"{self.origin}/token",
            revocation_endpoint=f"{self.origin}/revoke" if revokes else "",
            client=known,
            access=Secret("AT"),
            refresh=Secret("RT"),
            obtained_at=0.0,
            expires_at=1.0,
        )
        self.store.save(self.key(name), dump(session), None)
        if self.store.load(f"{CLIENTS}{self.origin}") is None:
            self.store.save(f"{CLIENTS}{self.origin}", dump(known), None)

    def key(self, name):
        return f"session {name} {self.url(name)}"

    def damage(self, name):
        path = self.paths.records / file_name(self.key(name))
        path.write_bytes(path.read_bytes()[:-1])

    def answers(self, *answers):
        self.server.play(*([REQUEST, answer, CUT] for answer in answers))

    @property
    def asked(self):
        return [request.split(b" HTTP")[0].decode() for request in self.server.requests]

    async def log_out(self, target):
        code = await logout.run(logout.Input(target and ServerChoice(target)), self.context)
        return code, self._capsys.readouterr().err.replace("mcp-auth-bridge: ", "").splitlines()


@pytest.fixture
def story(tmp_path, capsys):
    """Runs an async test on a machine of its own."""

    def run(test):
        async def whole():
            async with Scripted() as server:
                await test(Machine(tmp_path, server, capsys))

        asyncio.run(whole())

    return run


def test_the_tokens_end_first_and_then_the_registration(story):
    async def test(machine):
        machine.configure("acme")
        machine.log_in("acme")
        machine.answers(ok(), GONE)
        assert await machine.log_out("acme") == (0, ["signed out of acme"])
        assert machine.asked == ["POST /revoke", "DELETE /c/c"]
        assert b"authorization: bearer rat\r\n" in machine.server.requests[1].lower()
        assert machine.store.keys() == []

    story(test)


def test_a_login_is_ended_by_the_name_that_the_configuration_no_longer_has(story):
    async def test(machine):
        machine.log_in("acme")
        machine.answers(ok(), GONE)
        assert await machine.log_out("acme") == (0, ["signed out of acme"])
        assert machine.store.keys() == []

    story(test)


def test_a_server_that_cannot_revoke_leaves_tokens_that_work_and_that_is_said(story):
    async def test(machine):
        machine.configure("acme")
        machine.log_in("acme", revokes=False)
        machine.answers(GONE)
        code, [said] = await machine.log_out("acme")
        assert code == 0
        assert said.startswith("signed out of acme on this machine; its authorization server cannot revoke tokens, so")
        assert machine.asked == ["DELETE /c/c"]

    story(test)


def test_a_registration_that_another_login_uses_stays(story):
    async def test(machine):
        machine.configure("acme", "other")
        machine.log_in("acme")
        machine.log_in("other")
        machine.answers(ok())
        assert await machine.log_out("acme") == (0, ["signed out of acme"])
        assert machine.asked == ["POST /revoke"]
        assert len(machine.store.keys()) == 2

    story(test)


def test_a_registration_stays_while_a_login_cannot_be_read_that_may_use_it(story):
    async def test(machine):
        machine.configure("acme", "other")
        machine.log_in("acme")
        machine.log_in("other")
        machine.damage("other")
        machine.answers(ok())
        assert (await machine.log_out("acme"))[0] == 0
        assert machine.asked == ["POST /revoke"]

    story(test)


def test_another_registration_at_the_same_issuer_stays(story):
    async def test(machine):
        machine.configure("acme", "other")
        machine.log_in("other", client="newest")
        machine.log_in("acme", client="older")
        machine.answers(ok(), GONE)
        assert (await machine.log_out("acme"))[0] == 0
        assert machine.asked == ["POST /revoke", "DELETE /c/older"]
        assert machine.store.load(f"{CLIENTS}{machine.origin}") is not None

    story(test)


def test_a_registration_that_cannot_be_ended_is_said_and_kept_and_fails_nothing(story):
    async def test(machine):
        machine.configure("acme")
        machine.log_in("acme")
        machine.answers(ok(), NO)
        code, said = await machine.log_out("acme")
        assert code == 0
        assert "refused" in said[0] or "HTTP 403" in said[0]
        assert said[-1] == "signed out of acme"
        assert machine.store.keys() == [f"{CLIENTS}{machine.origin}"]

    story(test)


@pytest.mark.parametrize("status", [b"405 Method Not Allowed", b"501 Not Implemented"])
def test_a_server_that_ends_no_registrations_is_not_complained_about(story, status):
    async def test(machine):
        machine.configure("acme")
        machine.log_in("acme")
        machine.answers(ok(), NO.replace(b"403 Forbidden", status))
        assert await machine.log_out("acme") == (0, ["signed out of acme"])
        assert machine.store.keys() == [f"{CLIENTS}{machine.origin}"]

    story(test)


def test_of_all_logins_the_one_that_fails_is_named_and_the_rest_goes_on(story):
    async def test(machine):
        machine.configure("acme", "never")
        machine.log_in("acme", client="a")
        machine.log_in("forgotten", client="b")  # the configuration no longer names it
        machine.answers(NO, ok(), GONE)
        code, said = await machine.log_out(None)
        assert code == 7
        assert said[0] == "signed out of acme on this machine, but its tokens may still work"
        assert "HTTP 403" in said[1]
        assert said[-1] == "signed out of forgotten"
        assert machine.asked == ["POST /revoke", "POST /revoke", "DELETE /c/b"]
        assert machine.store.keys() == []

    story(test)


def test_of_all_logins_those_that_cannot_be_read_are_named(story):
    async def test(machine):
        machine.configure("acme")
        for name in ("acme", "unnamed", "whole"):
            machine.log_in(name)
        machine.damage("acme")
        machine.damage("unnamed")  # the record does not name its server
        machine.answers(ok())
        code, said = await machine.log_out(None)
        assert code == 5
        assert said[0] == "signed out of acme on this machine, but its tokens may still work"
        assert "signed out of whole" in said
        assert sum("is damaged" in line for line in said) == 2
        assert machine.store.keys() == []
        assert len(machine.store.unreadable()) == 1

    story(test)


def test_without_a_login_there_is_nothing_to_end(story):
    async def test(machine):
        machine.configure("acme")
        assert await machine.log_out(None) == (0, ["there is no login on this machine"])
        assert await machine.log_out("acme") == (0, ["there is no login to acme"])

    story(test)


def test_what_a_command_printed_for_a_server_is_forgotten_with_its_login(story):
    async def test(machine):
        machine.configure("acme", "acme2")
        for name in ("acme", "acme2"):
            machine.store.save(f"printed {name} {machine.url(name)} authorization", "{}", None)
        said = "forgot the token that a command printed for acme; the next request runs it again"
        assert await machine.log_out("acme") == (0, [said])
        assert machine.store.keys() == [f"printed acme2 {machine.url('acme2')} authorization"]
        assert await machine.log_out("acme") == (0, ["there is no login to acme"])

    story(test)


def test_a_login_that_was_made_with_auth_ends_with_all_others(story):
    async def test(machine):
        machine.configure("acme")
        auth = 'kind = "browser", scopes = ["more"]'
        variant = machine.context.config.choose(ServerChoice("acme", auth=auth)).key
        machine.log_in("acme")
        login = machine.store.load(machine.key("acme")).secret
        machine.store.save(f"session {variant} {machine.url('acme')}", login, None)
        machine.answers(ok(), ok(), GONE)
        assert await machine.log_out(None) == (0, ["signed out of acme", "signed out of acme"])
        assert machine.store.keys() == []
        with pytest.raises(ConfigError, match="made with --auth"):
            await machine.log_out(variant)

    story(test)


def test_a_damaged_login_is_deleted_and_said_to_be_out_of_reach(story):
    async def test(machine):
        machine.configure("acme")
        machine.log_in("acme")
        machine.damage("acme")
        with pytest.raises(StoreError, match="is damaged"):
            await machine.log_out("acme")
        assert machine.store.load(machine.key("acme")) is None
        assert await machine.log_out("acme") == (
            0,
            [
                "signed out of acme on this machine, but its tokens may still work",
                "there is no login to acme",
            ],
        )

    story(test)


def test_a_login_in_an_unknown_format_is_deleted_too(story):
    async def test(machine):
        machine.configure("acme")
        machine.store.save(machine.key("acme"), '{"version": 99}', None)
        with pytest.raises(StoreError):
            await machine.log_out("acme")
        assert machine.store.load(machine.key("acme")) is None

    story(test)


def test_a_login_that_another_key_opens_is_left_alone(story, tmp_path):
    async def test(machine):
        machine.configure("acme")
        machine.log_in("acme")
        (tmp_path / "key").write_text("YW5vdGhlci1rZXktYW5vdGhlci1rZXktYW5vdGhlciE=\n")
        with pytest.raises(StoreError, match="another key"):
            await machine.log_out("acme")
        (tmp_path / "key").write_text(KEY)
        machine.answers(ok(), GONE)
        assert (await machine.log_out("acme"))[1][-1] == "signed out of acme"

    story(test)
