"""The story of `mcp-auth-bridge demo`. It uses the bridge as the user and an IDE do: through its command line alone."""

import asyncio
import contextlib
import itertools
import json
import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from mcp import Client, StdioServerParameters
from mcp.types import TextContent

from mcp_auth_bridge.demo.grants import Grants
from mcp_auth_bridge.demo.server import serving
from mcp_auth_bridge.errors import BridgeError, quoted
from mcp_auth_bridge.shell.process.invocation import invocation

LIFETIME = 5  # seconds that an access token is good: enough for some calls, and over soon
PATIENCE = 20.0  # seconds that the MCP client waits for one reply

# -P: a file called mcp.py in the current folder must not be imported in place of the SDK.
_PYTHON = (sys.executable, "-P", "-m")
_FAREWELL = """
Your own server, with one command that logs in and writes the entry:

{program} install kiro https://your.server/mcp

Or by hand, in ~/.kiro/settings/mcp.json (Kiro) or claude_desktop_config.json (Claude Desktop):

{{"mcpServers": {{"my-server": {{
  "command": {command},
  "args": {arguments}
}}}}}}

and once, in a terminal: {program} login https://your.server/mcp"""


async def tell_story(
    say: Callable[[str], None], *, unattended: bool, now: Callable[[], float], entropy: Callable[[int], bytes]
) -> None:
    """Run the story, and `say` each step. With `unattended` the demo clicks Allow itself.

    `now` returns Unix time in seconds, `entropy` the given number of random bytes. Raises `BridgeError`, which names
    the step that failed.
    """
    steps = itertools.count(1)

    def tell_step(text: str) -> None:
        say(f"{next(steps)}. {text}")

    with tempfile.TemporaryDirectory(prefix="mcp-auth-bridge-demo-") as folder:
        async with serving(now, entropy, LIFETIME) as grants:
            address = grants.issuer.removeprefix("http://")
            tell_step(f"A protected MCP server and its authorization server are up on {address}.")
            home = _make_home(Path(folder), grants.resource)
            await _log_in(home, tell_step, unattended=unattended)
            await _relay(home, grants, tell_step)
    tell_step("Both servers are down and the folder is gone: nothing of the demo is left.")
    command, *words = invocation()
    arguments = json.dumps([*words, "run", "https://your.server/mcp"])
    program = shlex.join([command, *words])  # the demo often runs before the command is on PATH
    say(_FAREWELL.format(program=program, command=json.dumps(command), arguments=arguments))


def _make_home(folder: Path, resource: str) -> dict[str, str]:
    """Write a configuration into `folder`, and return the environment that puts the bridge's whole state there.

    The store has a key file, so that the demo does not use the keyring.
    """
    path = json.dumps(str(folder / "key"), ensure_ascii=False)  # also a TOML string
    config = f'[store]\nkind = "key_file"\npath = {path}\n\n[servers.demo]\nurl = "{resource}"\n'
    (folder / "config.toml").write_text(config, encoding="utf-8")
    return {"MCP_AUTH_BRIDGE_HOME": str(folder)}


async def _log_in(home: dict[str, str], say: Callable[[str], None], *, unattended: bool) -> None:
    if unattended:
        say("The bridge logs in; the demo clicks Allow in place of the user.")
        opener = ["--browser-command", shlex.join([*_PYTHON, "mcp_auth_bridge.demo.consent"])]
    else:
        say("The bridge logs in; click Allow in the browser.")
        opener = []
    with _failing_as("logging in"):
        await _run_command([*_PYTHON, "mcp_auth_bridge", "login", "demo", *opener], os.environ | home)
    say(f"The login is done. The tokens are sealed below {home['MCP_AUTH_BRIDGE_HOME']} and nowhere else.")


async def _relay(home: dict[str, str], grants: Grants, say: Callable[[str], None]) -> None:
    command, *arguments = (*_PYTHON, "mcp_auth_bridge", "run", "demo")
    with _failing_as("working through `mcp-auth-bridge run demo`"):
        parameters = StdioServerParameters(command=command, args=arguments, env=home)
        async with Client(parameters, read_timeout_seconds=PATIENCE) as client:
            await _call_tools(client, say)
            await _outlive_token(client, grants, say)


async def _call_tools(client: Client, say: Callable[[str], None]) -> None:
    tools = sorted(tool.name for tool in (await client.list_tools()).tools)
    say(f"The official SDK's client started `mcp-auth-bridge run demo`, as an IDE would, and sees: {', '.join(tools)}.")
    total, person = await _call(client, "add", a=19, b=23), await _call(client, "whoami")
    left = await _call(client, "time_left")
    say(f"It called add(19, 23) and got {total}, as {person}; its access token lives for another {left} s.")


async def _outlive_token(client: Client, grants: Grants, say: Callable[[str], None]) -> None:
    before = grants.refreshes
    await asyncio.sleep(LIFETIME)  # afterwards the token in use has expired
    total = await _call(client, "add", a=40, b=2)
    count = grants.refreshes - before
    if not count:
        raise BridgeError("an expired access token was accepted without a refresh")
    requests = "1 token request" if count == 1 else f"{count} token requests"
    say(
        f"The access token expired; add(40, 2) still gave {total}: the bridge refreshed without a browser ({requests})."
    )


async def _call(client: Client, tool: str, **arguments: int) -> str:
    result = await client.call_tool(tool, dict(arguments))
    text = " ".join(block.text for block in result.content if isinstance(block, TextContent))
    if result.is_error:
        raise BridgeError(f"the tool {tool} failed: {quoted(text)}")
    return text


async def _run_command(command: list[str], environment: dict[str, str]) -> None:
    """Run `command`. Its messages on stderr are part of the story; the entry for an IDE, on stdout, is not."""
    nothing = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdin=nothing, stdout=nothing)
    try:
        code = await process.wait()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()  # before its folder goes
    if code:
        raise BridgeError(f"the command ended with exit code {code}")


@contextlib.contextmanager
def _failing_as(doing: str) -> Iterator[None]:
    try:
        yield
    except BaseExceptionGroup as group:
        raise _step_error(doing, _first_error(group)) from group
    except Exception as error:
        raise _step_error(doing, error) from error


def _first_error(error: BaseException) -> BaseException:
    """The first leaf of an exception group: the SDK's client raises groups of groups."""
    return _first_error(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


def _step_error(doing: str, error: BaseException) -> BridgeError:
    cause = error.message if isinstance(error, BridgeError) else f"{type(error).__name__} {quoted(str(error))}"
    return BridgeError(f"the demo failed while {doing}: {cause}", "see the messages of the bridge above")
