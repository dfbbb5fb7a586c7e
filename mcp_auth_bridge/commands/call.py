"""`mcp-auth-bridge call`: call one tool of a server and show its result."""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.app.server_lookup import find_bridge
from mcp_auth_bridge.commands.client_session import Tool, list_tools, open_session
from mcp_auth_bridge.commands.tool_arguments import Arguments, convert_arguments, missing_arguments, parse_arguments
from mcp_auth_bridge.commands.tool_result import content_blocks, format_blocks, make_folder
from mcp_auth_bridge.config.profile import ServerChoice
from mcp_auth_bridge.errors import ConfigError, RemoteError, TheirProtocolError, printable, quoted
from mcp_auth_bridge.relay.base import decoded
from mcp_auth_bridge.shell.console import terminal

_MOST_NAMES = 20


class Input(msgspec.Struct, frozen=True):
    # The server, as the command line names it.
    server: ServerChoice
    # The name of the tool.
    tool: str
    # The tool's arguments, as `commands/tool_arguments.py` parses them.
    words: tuple[str, ...] = ()
    # Print the result as JSON.
    as_json: bool = False
    # The folder for files in the result, None to save none.
    output: Path | None = None


async def run(given: Input, context: Context) -> int:
    bridge = await find_bridge(given.server, context)
    # Before the call, because its result must not be lost.
    folder = make_folder(given.output) if given.output is not None else None
    written = parse_arguments(given.words, await terminal.read_stdin() if given.words == ("-",) else b"")
    async with open_session(bridge, _show_progress) as client:
        tool = _find_tool(given.tool, await list_tools(client), bridge.profile.name)
        arguments = convert_arguments(written, tool.schema)
        try:
            raw = await client.request("tools/call", {"name": tool.name, "arguments": arguments})
        except RemoteError as refused:
            raise RemoteError(refused.message, _missing_hint(arguments, tool) or refused.hint) from None
    result = decoded(raw)
    if not isinstance(result, dict):
        raise TheirProtocolError("the tool's result is malformed")
    _check_complete(result, tool.name)
    if given.as_json:
        terminal.write_result(raw + b"\n")
    if result.get("isError") is True:
        text = " ".join(block.text or block.describe() for block in content_blocks(result))
        raise RemoteError(f"the tool {tool.name} failed: {quoted(text, 2000)}", _missing_hint(arguments, tool))
    if not given.as_json:
        terminal.write_result(format_blocks(content_blocks(result), tool.name, folder).encode(errors="replace"))
    return 0


def _find_tool(name: str, tools: list[Tool], server: str) -> Tool:
    for tool in tools:
        if tool.name == name:
            return tool
    raise ConfigError(f"{server} has no tool named {quoted(name)}", _suggest_tools(name, [tool.name for tool in tools]))


def _suggest_tools(name: str, names: list[str]) -> str:
    """A hint that lists the server's tools, those with a similar name first."""
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    ordered = [*close, *(other for other in names if other not in close)][:_MOST_NAMES]
    more = f" and {len(names) - len(ordered)} more" if len(names) > len(ordered) else ""
    return f"its tools: {', '.join(printable(other) for other in ordered)}{more}" if names else "it has no tools"


def _missing_hint(arguments: Arguments, tool: Tool) -> str:
    """A hint for a call that the server refused: the required arguments that it lacks.

    A call is not refused for them here: the server decides whether it needs them.
    """
    names = missing_arguments(arguments, tool.schema)
    return f"it requires {_join_names(names)}, which this call did not give" if names else ""


def _join_names(names: Iterable[str]) -> str:
    return ", ".join(quoted(name) for name in names)


def _check_complete(result: Mapping[str, Any], tool: str) -> None:
    """Raise `RemoteError` for an incomplete result: since revision 2026-07-28 a server may ask for more input first."""
    if result.get("resultType", "complete") != "complete":
        raise RemoteError(
            f"the tool {tool} asks for more than a command line can give",
            "use it in an MCP client, which can ask the user or a model",
        )


def _show_progress(progress: Mapping[str, Any]) -> None:
    """Show a progress notification on a terminal. Any: the server's JSON."""
    if terminal.stderr_is_terminal():
        total = f" of {progress['total']}" if isinstance(progress.get("total"), int | float) else ""
        text = progress.get("message")
        words = f": {quoted(text)}" if isinstance(text, str) and text else ""
        terminal.say(f"progress {quoted(str(progress.get('progress')))[1:-1]}{total}{words}")
