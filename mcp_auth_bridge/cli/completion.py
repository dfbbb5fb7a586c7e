"""`mcp-auth-bridge completion`: the script that completes command lines in a shell, and the answers that it asks for.

The script is small and knows nothing about commands: on each TAB it hands the line on stdin to `completion --line`, and
gets what may come next. So an upgrade of the program needs no new script. The line comes on stdin and not as an
argument, because the list of processes shows arguments to every user.
"""

import argparse
from typing import TYPE_CHECKING

from mcp_auth_bridge.cli import manual
from mcp_auth_bridge.cli.completion_scripts import SCRIPTS
from mcp_auth_bridge.cli.completion_walk import Candidate, Kind, find_candidates, split_line
from mcp_auth_bridge.errors import printable
from mcp_auth_bridge.shell.console import terminal

if TYPE_CHECKING:
    from mcp_auth_bridge.app.context import Context
    from mcp_auth_bridge.cli.main import Story

_WORD_BREAKS = ":="
"""Where bash begins a new word, though no blank is there: it wants only what follows them."""


def story(arguments: argparse.Namespace) -> "Story":
    """The story of the command in `arguments`."""
    shell: str = arguments.shell

    async def run(context: "Context") -> int:
        if arguments.line:
            line = (await terminal.read_stdin()).decode(errors="replace").removesuffix("\n")  # fish adds it
            found = await answer(shell, line, context)
        else:
            found = SCRIPTS[shell]
        terminal.write_result(found.encode(errors="replace"))
        return 0

    return run


async def answer(shell: str, line: str, context: "Context") -> str:
    """What may come next in `line`, one candidate a line, in the form that the script of `shell` reads.

    Where a file or a folder comes next, it is `:files` or `:folders`: the shell knows those.
    """
    words, current = split_line(line)
    found = find_candidates(manual.build_parser(words), words, current)
    if isinstance(found, Kind):
        if found in (Kind.FILES, Kind.FOLDERS):
            return f":{found.value}\n"
        begin = current.partition("=")[0] + "=" if current.startswith("--") and "=" in current else ""
        found = [Candidate(f"{begin}{each.word}", each.about) for each in await _names(found, context)]
    fitting = [(printable(each.word), printable(each.about)) for each in found if each.word.startswith(current)]
    if shell == "bash":
        cut = max(current.rfind(each) for each in _WORD_BREAKS) + 1
        return "".join(f"{word[cut:]}\n" for word, _ in fitting)
    return "".join(f"{word}\t{about}\n" if about else f"{word}\n" for word, about in fitting)


async def _names(kind: Kind, context: "Context") -> list[Candidate]:
    match kind:
        case Kind.SERVERS:
            from mcp_auth_bridge.commands.server_names import server_names

            return [Candidate(name, url) for name, url in (await server_names(context)).items()]
        case Kind.CONFIGURED:
            config = context.config
            return [Candidate(name) for name in [*config.profiles, *config.broken]]
        case Kind.CLIENTS:
            from mcp_auth_bridge.clients.targets import TARGETS

            return [Candidate(target.key, target.client.name) for target in TARGETS.values()]
        case Kind.PRESETS:
            from mcp_auth_bridge.catalogue.presets import PRESETS

            return [Candidate(name) for name in PRESETS]
    return []
