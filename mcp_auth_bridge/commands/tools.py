"""`mcp-auth-bridge tools`: the tools of a server, for the user or for a program."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.app.server_lookup import find_bridge
from mcp_auth_bridge.commands.client_session import Tool, list_tools, open_session
from mcp_auth_bridge.commands.tool_arguments import json_types
from mcp_auth_bridge.config.profile import ServerChoice
from mcp_auth_bridge.errors import printable
from mcp_auth_bridge.shell.console import terminal
from mcp_auth_bridge.shell.console.view import Table, Tone, below, words

_LONGEST_LINE = 160


class Input(msgspec.Struct, frozen=True):
    server: ServerChoice
    as_json: bool = False


async def run(given: Input, context: Context) -> int:
    bridge = await find_bridge(given.server, context)
    async with open_session(bridge, lambda _: None) as client:
        tools = await list_tools(client)
    if given.as_json:
        terminal.write_result(b"[%b]\n" % b",\n".join(tool.raw for tool in tools))
    elif not tools:
        terminal.print_result(f"{bridge.profile.name} has no tools")
    else:
        terminal.print_view([_table(tools)], "\n".join(line for tool in tools for line in _describe(tool)))
    return 0


def _describe(tool: Tool) -> Iterator[str]:
    """How to call the tool, and one line about its purpose."""
    yield " ".join([printable(tool.name), *_arguments(tool)])
    if text := _first_line(tool):
        yield f"    {text}"


def _table(tools: list[Tool]) -> Table:
    rows = (
        (words(tool.name, Tone.STRONG), below(map(words, _arguments(tool))), words(_first_line(tool), Tone.QUIET))
        for tool in tools
    )
    return Table(("tool", "arguments", "what it does"), tuple(rows))


def _arguments(tool: Tool) -> list[str]:
    return [_describe_argument(*pair, tool) for pair in _properties(tool).items()]


def _properties(tool: Tool) -> Mapping[str, Any]:
    properties = tool.schema.get("properties")
    return properties if isinstance(properties, dict) else {}


def _describe_argument(name: str, schema: Any, tool: Tool) -> str:
    """`name=TYPE`, in brackets if the argument is optional. Any: the server's schema."""
    required = tool.schema.get("required")
    types = "|".join(sorted(json_types(schema, tool.schema) - {"null"})).upper() or "JSON"
    text = printable(f"{name}={types}")
    return text if isinstance(required, list) and name in required else f"[{text}]"


def _first_line(tool: Tool) -> str:
    """The first line of the description, else the title, safe for a terminal."""
    for text in (tool.about.get("description"), tool.about.get("title")):
        if isinstance(text, str) and text.strip():
            line = printable(text.strip().splitlines()[0])
            return f"{line[:_LONGEST_LINE]}…" if len(line) > _LONGEST_LINE else line
    return ""
