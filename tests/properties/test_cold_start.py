"""The imports that a start avoids: deterministic, unlike the time they save (docs/architecture.md, "Cold start")."""

import asyncio
import base64
import json
import os
import subprocess
import sys
import time

import pytest
from peers.far import Far, status
from relaying import INITIALIZE, INITIALIZED, request

from mcp_auth_bridge.oauth.session import Client, Session, dump
from mcp_auth_bridge.secret import Secret
from mcp_auth_bridge.shell.files.lock import Locks
from mcp_auth_bridge.stores.sealed import SealedStore

KEY = b"k" * 32

# Replaces the only exit of the process by one that lists the loaded modules on stderr.
DRIVER = """
import sys
from mcp_auth_bridge.__main__ import main
from mcp_auth_bridge.shell.console import terminal

def leave(code):
    loaded = sorted(sys.modules)
    import os
    os.write(2, f"\\nLEFT {code} {' '.join(loaded)}\\n".encode())
    os._exit(code)

terminal.exit_now = leave
try:
    main(sys.argv[1:])
except SystemExit as left:  # argparse ends --help and --version itself
    leave(left.code or 0)
"""

# Replaces the event loop of a command by a look at the garbage collector.
COLLECTOR = """
import gc

def collections():
    return sum(generation["collections"] for generation in gc.get_stats())

def disable(disable=gc.disable):
    global before
    disable()
    before = collections()  # the compiler of a fresh clone may have caused some

def freeze(freeze=gc.freeze):
    print(collections() - before)
    freeze()

def look(story):
    story.close()
    print(gc.isenabled(), gc.get_freeze_count() > 10_000)
    return 0

gc.disable, gc.freeze = disable, freeze
from mcp_auth_bridge.__main__ import main
from mcp_auth_bridge.shell.process import loop

loop.run = look
main()
"""

# Lists the package's modules that compile a pattern when `run` is imported.
COMPILERS = """
import re
import sys

names = set()

def compile(pattern, flags=0, compile=re.compile):
    names.add(sys._getframe(1).f_globals["__name__"])
    return compile(pattern, flags)

re.compile = compile
import mcp_auth_bridge.cli.main
import mcp_auth_bridge.commands.run
print(*sorted(name.removeprefix("mcp_auth_bridge.") for name in names if name.startswith("mcp_auth_bridge.")))
"""

# The parser of the relay is not h11, which only a login needs.
HEAVY = """
    h11 mcp pydantic rich authlib joserfc jwt httpx2 httpcore2 httpx anyio importlib.metadata importlib_metadata
    webbrowser http.server http.client urllib.request keyring secretstorage jeepney filelock uvicorn starlette email
    email.utils xml tomlkit truststore certifi multiprocessing sqlite3 shutil bz2 lzma
    concurrent.futures.thread typing_extensions gettext
"""
# Parts of the standard library that asyncio and msgspec import for faults, and for values that no message has.
SELDOM = """
    ssl asyncio.sslproto inspect ast dis tokenize locale platform textwrap msgspec.inspect msgspec.toml msgspec.yaml
"""
LATER = """
    oauth.grants oauth.token_request oauth.discovery oauth.registration oauth.login oauth.client_auth oauth.claims
    oauth.token_diagnosis oauth.machine_refusals
    shell.net.oauth_http shell.run_flow shell.browser.loopback shell.browser.opener shell.browser.login_window
    shell.transports.probe stores.os_keyring commands.login commands.sign_in commands.logout commands.status
    commands.demo demo oauth.machine oauth.configured oauth.assertions credentials.machine
    commands.on_demand commands.stored_logins shell.browser.desktop shell.browser.portal
    shell.transports.http_sse shell.net.cors_preflight shell.browser.rate_limit app.machine_plan effects
    oauth.challenge oauth.dpop oauth.documents
    shell.console.view shell.console.rich_view shell.console.activity shell.console.rich_activity cli.completion
    relay.headless relay.keep_alive relay.legacy_to_modern relay.legacy_requests relay.modern_to_legacy
    relay.legacy_server relay.early_discover relay.early_listen relay.modern relay.modern_era relay.subscriptions
"""
# Their patterns are for every message, every address, or the first lines of the log.
USED_AT_ONCE = """
    config.config_file http_syntax relay.envelope relay.sse secret shell.console.log_text
    shell.net.plain_chunks shell.net.request_head shell.net.response_parser urls
"""

CLI = ("configuration_manual", "installation_manual", "main", "manual", "options", "parser")
"""The modules of the room `cli` that show the help of all commands."""


def loaded_of(finished_stderr):
    """(exit code, modules) as the driver reported them."""
    line = next(line for line in finished_stderr.decode().splitlines() if line.startswith("LEFT "))
    _, code, *modules = line.split()
    return int(code), set(modules)


def below(names, loaded):
    """The `names` that are loaded, themselves or a submodule of them."""
    return {name for name in names for module in loaded if module == name or module.startswith(f"{name}.")}


@pytest.fixture
def home(tmp_path):
    """A configuration with a key file, and a login to `acme`; `configure` takes the URL of the server."""
    key = tmp_path / "sealing.key"
    key.touch(0o600)
    key.write_text(base64.b64encode(KEY).decode() + "\n")

    def configure(url):
        store = f'[store]\nkind = "key_file"\npath = {json.dumps(str(key))}\n'
        (tmp_path / "config.toml").write_text(f"{store}[servers.acme]\nurl = {json.dumps(url)}\n")
        session = Session(
            resource=url,
            issuer="https://as.example",
            token_endpoint="https://as.example/token",
            client=Client(issuer="https://as.example", id="c"),
            access=Secret("cached-token"),
            refresh=Secret("refresh-token"),
            obtained_at=time.time(),
            expires_at=time.time() + 1e6,
        )
        store = SealedStore(tmp_path / "records", lambda: KEY, os.urandom, Locks(tmp_path / "locks").mutex)
        store.save(f"session acme {url}", dump(session), None)

    return tmp_path, configure


def configure_token(home, url):
    """A configuration with a token for the server `acme` at `url`."""
    auth = 'auth = { kind = "bearer", token = "${NONE:-configured-token}" }'
    (home / "config.toml").write_text(f"[servers.acme]\nurl = {json.dumps(url)}\n{auth}\n")


async def driven(home, *arguments, says=(), hears=0):
    """Run the driver: write the lines `says`, read `hears` lines, close stdin. Returns (code, modules, heard)."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        DRIVER,
        *arguments,
        env={"MCP_AUTH_BRIDGE_HOME": str(home), "PATH": os.environ["PATH"]},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    for value in says:
        process.stdin.write(json.dumps(value).encode() + b"\n")
    heard = [json.loads(await process.stdout.readline()) for _ in range(hears)]
    process.stdin.close()
    _, stderr = await process.communicate()
    return *loaded_of(stderr), heard


def test_a_run_with_a_cached_token_loads_nothing_for_a_login(home):
    folder, configure = home

    async def story():
        async with Far() as far:
            far.replies["tools/call"] = lambda message: (
                far.result(message, "token arrived") if b"Bearer cached-token\r\n" in far.requests[-1] else status(401)
            )
            configure(far.url)
            return await driven(folder, "run", "acme", says=[INITIALIZE, INITIALIZED, request(1)], hears=2)

    code, loaded, heard = asyncio.run(story())
    assert code == 0
    assert {value["id"]: value["result"] for value in heard}[1] == "token arrived"
    assert below([*HEAVY.split(), *SELDOM.split()], loaded) == set()
    assert below([f"mcp_auth_bridge.{name}" for name in LATER.split()], loaded) == set()


def test_a_run_with_a_configured_token_loads_nothing_for_a_login_or_a_command(tmp_path):
    async def story():
        async with Far() as far:
            configure_token(tmp_path, far.url)
            heard = await driven(tmp_path, "run", "acme", says=[INITIALIZE, INITIALIZED, request(1)], hears=2)
            assert all(b"Bearer configured-token\r\n" in sent for sent in far.requests)
            return heard

    code, loaded, _ = asyncio.run(story())
    assert code == 0
    assert below([*HEAVY.split(), *SELDOM.split(), "shlex"], loaded) == set()
    later = """
        credentials.command_token credentials.diagnosis credentials.oauth shell.process.run_command relay.signing_in
        credentials.stored_session
    """
    assert below([f"mcp_auth_bridge.{name}" for name in f"{LATER} {later}".split()], loaded) == set()


def test_until_the_first_answer_nothing_is_loaded_for_a_refusal(tmp_path):
    async def story():
        async with Far() as far:
            configure_token(tmp_path, far.url)
            return await driven(tmp_path, "run", "acme", says=[INITIALIZE], hears=1)

    code, loaded, heard = asyncio.run(story())
    assert (code, [value["id"] for value in heard]) == (0, [INITIALIZE["id"]])
    later = "oauth.error_text relay.session_loss"
    assert below([f"mcp_auth_bridge.{name}" for name in later.split()], loaded) == set()


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_and_version_load_almost_nothing(tmp_path, argument):
    code, loaded, _ = asyncio.run(driven(tmp_path, argument))
    assert code == 0
    own = {module for module in loaded if module.startswith("mcp_auth_bridge")}
    assert own == {"mcp_auth_bridge"} | {
        f"mcp_auth_bridge.{name}"
        for name in (
            "__main__",
            "cli",
            "errors",
            "shell",
            "shell.console",
            "shell.process",
            "shell.process.lean_imports",
        )
    } | {f"mcp_auth_bridge.cli.{name}" for name in CLI} | {
        f"mcp_auth_bridge.shell.console.{name}" for name in ("line_format", "stderr", "terminal", "text_layout")
    }
    bulky = "asyncio msgspec socket ssl subprocess pathlib json tomllib urllib httptools threading inspect logging"
    assert below([*HEAVY.split(), *bulky.split()], loaded) == set()


@pytest.mark.parametrize("command", ["status", "list", "doctor"])
def test_a_command_in_a_pipe_draws_nothing(tmp_path, command):
    code, loaded, _ = asyncio.run(driven(tmp_path, command))
    assert code == 0
    assert below(["rich"], loaded) == set()


def test_a_mistake_on_the_command_line_loads_almost_nothing(tmp_path):
    code, loaded, _ = asyncio.run(driven(tmp_path, "runn"))
    assert code == 2
    assert below([*HEAVY.split(), "asyncio", "msgspec"], loaded) == set()


def test_no_garbage_is_collected_before_the_event_loop_and_the_modules_are_never_looked_through(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", COLLECTOR, "status"],
        env={"MCP_AUTH_BRIDGE_HOME": str(tmp_path), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("0\nTrue True\n", "")


def test_a_start_compiles_only_patterns_that_it_uses_itself():
    done = subprocess.run([sys.executable, "-c", COMPILERS], capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.stderr) == (USED_AT_ONCE.split(), "")
