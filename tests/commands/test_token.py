"""`token`: which token is printed, in which form, and which error is raised where there is none."""

import asyncio
import base64
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from commanding import context_of, store_of
from peers.scripted import CUT, REQUEST, Gate, Scripted, ok
from program import command
from remoting import story

from mcp_auth_bridge.commands import token
from mcp_auth_bridge.config.profile import ServerChoice
from mcp_auth_bridge.errors import ConfigError, LoginRequired, OAuthRefused, Unreachable
from mcp_auth_bridge.oauth.session import Client, Session, dump
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.console import terminal

URL = "https://acme.example/mcp"
FAR_AWAY = 4102444800.0  # 2100-01-01
JSON = b"Content-Type: application/json"
REFUSED = (
    b'HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 25\r\n\r\n{"error":"invalid_grant"}'
)


def signed_in(folder, server=None, **more):
    """The context of a user who is signed in to `acme`, at the authorization server `server`."""
    context = context_of(folder, URL, '{ kind = "browser" }')
    origin = f"http://127.0.0.1:{server.port}" if server else "https://as.example"
    known = {
        "resource": URL,
        "issuer": origin,
        "token_endpoint": f"{origin}/token",
        "client": Client(issuer=origin, id="c"),
        "scope": "read write",
        "access": Secret("first-token"),
        "refresh": Secret("refresh-token"),
        "account": "mia@acme.example",
        "obtained_at": 0.0,
        "expires_at": FAR_AWAY,
    }
    store_of(context).save(f"session acme {URL}", dump(Session(**{**known, **more})), None)
    return context


def renewed(access="second-token"):
    answer = {"access_token": access, "token_type": "Bearer", "expires_in": 3600, "refresh_token": "another"}
    return [REQUEST, ok(json.dumps(answer).encode(), JSON), CUT]


async def printed(context, capfd, **more):
    assert await token.run(token.Input(ServerChoice("acme"), **more), context) == 0
    return capfd.readouterr()


@story
async def test_a_token_that_is_good_is_printed_and_nothing_else(tmp_path, capfd):
    assert await printed(signed_in(tmp_path), capfd) == ("first-token\n", "")


@story
async def test_a_program_is_told_all_that_it_may_want_to_know(tmp_path, capfd):
    out, _ = await printed(signed_in(tmp_path), capfd, as_json=True)
    assert json.loads(out) == {
        "token_type": "Bearer",
        "access_token": "first-token",
        "expires_at": "2100-01-01T00:00:00Z",
        "resource": URL,
        "issuer": "https://as.example",
        "scope": "read write",
        "account": "mia@acme.example",
    }


@pytest.mark.parametrize("left", [-5.0, 5.0])
@story
async def test_a_token_that_is_expired_or_about_to_is_renewed_first_and_kept(tmp_path, capfd, left):
    async with Scripted() as server:
        server.play(renewed())
        context = signed_in(tmp_path, server, obtained_at=time.time() - 3600, expires_at=time.time() + left)
        assert (await printed(context, capfd)).out == "second-token\n"
        assert (await printed(context, capfd)).out == "second-token\n"
    assert server.connections == 1


@story
async def test_a_token_that_cannot_be_renewed_yet_is_printed_while_it_is_good(tmp_path, capfd):
    async with Scripted() as server:
        server.play([REQUEST, b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", CUT])
        context = signed_in(tmp_path, server, obtained_at=time.time() - 3600, expires_at=time.time() + 30)
        assert (await printed(context, capfd)).out == "first-token\n"


@story
async def test_a_token_without_a_known_end_is_printed_as_it_is(tmp_path, capfd):
    out, _ = await printed(signed_in(tmp_path, expires_at=None, refresh=None), capfd, as_json=True)
    assert json.loads(out)["expires_at"] is None


@story
async def test_a_login_that_was_ended_names_the_command(tmp_path, capfd):
    async with Scripted() as server:
        server.play([REQUEST, REFUSED, CUT])
        context = signed_in(tmp_path, server, expires_at=1.0)
        for _ in range(2):  # the second time no server is asked
            with pytest.raises(LoginRequired) as caught:
                await token.run(token.Input(ServerChoice("acme")), context)
            assert caught.value.hint == "run: mcp-auth-bridge login acme"
    assert capfd.readouterr().out == ""


@story
async def test_no_login_and_an_expired_login_without_refresh_token_name_the_command(tmp_path):
    for context in (
        context_of(tmp_path, URL, '{ kind = "browser" }'),
        signed_in(tmp_path, refresh=None, expires_at=1.0),
    ):
        with pytest.raises(LoginRequired) as caught:
            await token.run(token.Input(ServerChoice("acme")), context)
        assert caught.value.hint == "run: mcp-auth-bridge login acme"


@story
async def test_an_unreachable_authorization_server_is_not_reported_as_a_missing_login(tmp_path):
    async with Scripted() as server:
        context = signed_in(tmp_path, server, expires_at=1.0)
    with pytest.raises((Unreachable, OAuthRefused)) as caught:
        await token.run(token.Input(ServerChoice("acme")), context)
    assert caught.value.exit_code == 6


@story
async def test_sixteen_at_once_cost_one_refresh(tmp_path, capfd):
    async with Scripted() as server:
        server.play(renewed())
        context = signed_in(tmp_path, server, expires_at=1.0)
        await asyncio.gather(*(token.run(token.Input(ServerChoice("acme")), context) for _ in range(16)))
    assert capfd.readouterr().out == "second-token\n" * 16
    assert server.connections == 1


@story
async def test_a_bound_token_is_described_but_not_given_to_those_who_cannot_use_it(tmp_path, capfd):
    context = signed_in(tmp_path, dpop_key=Secret("{}"))
    for more in ({}, {"command": ("true",)}):
        with pytest.raises(ConfigError, match="is bound to the bridge's key"):
            await token.run(token.Input(ServerChoice("acme"), **more), context)
    assert capfd.readouterr().out == ""
    assert json.loads((await printed(context, capfd, as_json=True)).out)["token_type"] == "DPoP"


def jwt(**claims):
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({}, claims)]
    return ".".join([*parts, "signature"])


@story
async def test_a_configured_token_is_printed_too_with_the_end_that_it_names_itself(tmp_path, capfd):
    given = jwt(exp=FAR_AWAY)
    context = context_of(tmp_path, URL, '{ kind = "bearer", token = "env:T" }', {"T": given})
    assert (await printed(context, capfd)).out == f"{given}\n"
    about = json.loads((await printed(context, capfd, as_json=True)).out)
    assert (about["access_token"], about["expires_at"]) == (given, "2100-01-01T00:00:00Z")


@pytest.mark.parametrize("claims", [{}, {"exp": "soon"}, {"exp": 1e10}, {"exp": 1e300}, {"exp": True}])
@story
async def test_a_configured_token_with_an_odd_end_is_printed_all_the_same(tmp_path, capfd, claims):
    given = jwt(**claims)
    context = context_of(tmp_path, URL, '{ kind = "bearer", token = "env:T" }', {"T": given})
    assert json.loads((await printed(context, capfd, as_json=True)).out)["access_token"] == given


@pytest.mark.parametrize(
    "auth",
    [
        '{ kind = "none" }',
        '{ kind = "headers", headers = { X-API-Key = "env:T" } }',
        '{ kind = "headers", headers = { Authorization = "Basic dTpw" } }',
    ],
)
@story
async def test_a_server_that_is_met_without_a_token_has_none(tmp_path, auth):
    with pytest.raises(ConfigError, match="acme has no access token"):
        await token.run(token.Input(ServerChoice("acme")), context_of(tmp_path, URL, auth, {"T": "key"}))


@story
async def test_a_server_that_is_met_with_a_token_in_a_header_has_that(tmp_path, capfd):
    context = context_of(tmp_path, URL, '{ kind = "headers", headers = { Authorization = "bearer abc" } }')
    assert await printed(context, capfd) == ("abc\n", "")


@story
async def test_a_machine_gets_its_token_as_a_person_does(tmp_path, capfd):
    async with Scripted() as server:
        server.play(renewed("machine-token"))
        origin = f"http://127.0.0.1:{server.port}"
        auth = (
            f'{{ kind = "client_credentials", client_id = "c", client_secret = "env:S", issuer = "{origin}",'
            f' token_endpoint = "{origin}/token" }}'
        )
        context = context_of(tmp_path, URL, auth, {"S": "client-secret"})
        about = json.loads((await printed(context, capfd, as_json=True)).out)
        assert (about["access_token"], about["resource"]) == ("machine-token", URL)
        assert (await printed(context, capfd)).out == "machine-token\n"
    assert server.connections == 1


@story
async def test_a_machine_that_the_command_line_describes_shares_the_token_of_the_same_settings_alone(tmp_path, capfd):
    async with Scripted() as server:
        server.play(renewed("first"), renewed("second"))
        origin = f"http://127.0.0.1:{server.port}"

        async def token_as(client, context, auth=None):
            inside = (
                f'kind = "client_credentials", client_id = "{client}", client_secret = "env:S", issuer = "{origin}",'
                f' token_endpoint = "{origin}/token"'
            )
            given = token.Input(ServerChoice("acme", auth=inside if auth is None else auth))
            assert (
                await token.run(given, context_of(tmp_path, URL, context.format(inside), {"S": "secret", "T": "other"}))
                == 0
            )
            return capfd.readouterr().out.strip()

        assert await token_as("a", '{{ kind = "none" }}') == "first"
        assert await token_as("a", "{{ {} }}") == "first"
        assert await token_as("b", '{{ kind = "none" }}') == "second"
        assert await token_as("a", "{{ {} }}") == "first"
        assert await token_as("a", "{{ {} }}", 'kind = "bearer", token = "env:T"') == "other"
    assert server.connections == 2


@pytest.mark.parametrize("name", ["", "A B", "1A", "A=B", "É"])
@story
async def test_a_variable_has_a_name_that_every_shell_can_read(tmp_path, name):
    with pytest.raises(ConfigError, match="--env needs the name of a variable"):
        await token.run(token.Input(ServerChoice("acme"), command=("true",), variable=name), signed_in(tmp_path))


@pytest.mark.parametrize("name", ["PATH", "LD_PRELOAD", "DYLD_INSERT_LIBRARIES", "Path"])
@story
async def test_a_token_is_not_put_into_a_variable_that_a_loader_reads_or_prints(tmp_path, name):
    with pytest.raises(ConfigError, match=f"--env {name} changes how the program is loaded"):
        await token.run(token.Input(ServerChoice("acme"), command=("true",), variable=name), signed_in(tmp_path))


@story
async def test_on_a_terminal_the_user_is_told_what_the_token_is(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(terminal, "stdout_is_terminal", lambda: True)
    out, err = await printed(signed_in(tmp_path), capfd)
    assert out == "first-token\n"
    assert err == ("mcp-auth-bridge: anyone who has this token can act as you at acme, until 2100-01-01T00:00:00Z\n")


# In processes of their own, because `--exec` replaces the process


def environment_of(context):
    """The environment of a process with the configuration of `context`, which is written into its file."""
    folder = context.paths.config.parent
    store = f"[store]\nkind = 'key_file'\npath = '{folder / 'sealing.key'}'\n"
    context.paths.config.write_text(f"{store}[servers.acme]\nurl = '{URL}'\n")
    return {"PATH": os.environ["PATH"], "MCP_AUTH_BRIDGE_HOME": str(folder), "KEPT": "yes"}


def started(context, *arguments, stdout=subprocess.PIPE):
    line = [command(), "token", "acme", *arguments]
    return subprocess.Popen(line, env=environment_of(context), stdout=stdout, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("words", [("--exec",), ("--exec", "--")])
def test_a_program_has_the_token_in_its_environment_and_in_no_list_of_processes(tmp_path, words):
    script = 'cat /proc/$$/cmdline | tr "\\0" " "; echo "$MCP_TOKEN $KEPT $1"; exit 5'
    process = started(signed_in(tmp_path), *words, "sh", "-c", script, "--", "--json")
    out, err = process.communicate()
    assert out == f"sh -c {script} -- --json first-token yes --json\n"
    assert (err, process.returncode) == ("", 5)


def test_the_variable_can_have_another_name_and_signals_are_the_programs(tmp_path):
    process = started(signed_in(tmp_path), "--env", "X", "--exec", "sh", "-c", "echo $X$MCP_TOKEN; exec sleep 60")
    assert process.stdout.readline() == "first-token\n"
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == -signal.SIGTERM


def test_a_program_that_loses_its_reader_ends_as_it_does_without_the_bridge(tmp_path):
    process = started(signed_in(tmp_path), "--exec", "sh", "-c", "yes | head -n 1")
    assert process.communicate() == ("y\n", "")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
@story
async def test_a_command_that_is_ended_in_the_middle_of_a_refresh_keeps_the_new_tokens(tmp_path, capfd, name):
    async with Scripted() as server:
        asked, answer, cut = renewed()
        server.play([asked, gate := Gate(), answer, cut])
        context = signed_in(tmp_path, server, expires_at=1.0)
        process = await asyncio.create_subprocess_exec(
            command(), "token", "acme", env=environment_of(context), stdout=subprocess.PIPE
        )
        await gate.reached.wait()
        process.send_signal(getattr(signal, name))
        gate.open.set()
        out, _ = await process.communicate()
        assert process.returncode == 130
        assert out == b""
        assert (await printed(context, capfd)).out == "second-token\n"
    assert server.connections == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--exec",), "--exec needs a program"),
        (("--exec", "--"), "--exec needs a program"),
        (("--exec", "no-such-program"), "no-such-program cannot be run: no such file or directory"),
        (("--env", "X"), "--env names the variable for --exec, which is not given"),
        (("--json", "--exec", "true"), "argument --exec: not allowed with argument --json"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_refused_without_a_word_on_stdout(tmp_path, words, sentence):
    process = started(signed_in(tmp_path), *words)
    out, err = process.communicate()
    assert (out, process.returncode) == ("", 2)
    assert err.startswith(f"mcp-auth-bridge: {sentence}")


def test_a_full_disk_is_said_as_what_it_is(tmp_path):
    with Path("/dev/full").open("w") as full:
        process = started(signed_in(tmp_path), stdout=full)
    _, err = process.communicate()
    assert process.returncode == 1
    assert err == "mcp-auth-bridge: the answer could not be written: no space left on device\n"


def test_a_reader_that_has_closed_its_pipe_is_not_an_error(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    process = started(signed_in(tmp_path), stdout=writer)
    os.close(writer)
    assert process.communicate() == (None, "")
    assert process.returncode == 0
