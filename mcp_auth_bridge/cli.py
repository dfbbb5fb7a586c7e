"""argv → a command's `Input`; an error → words and an exit code. Nothing else.

Help texts are the manual. Only the standard library and this package's smallest modules are imported before the command
is known.
"""

import argparse
import os
import signal
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from mcp_auth_bridge import __version__
from mcp_auth_bridge.errors import BridgeError, ConfigError, fault
from mcp_auth_bridge.shell import terminal

if TYPE_CHECKING:
    from mcp_auth_bridge.wiring import World

    Story: TypeAlias = Callable[[World], Coroutine[Any, Any, int]]  # Any: what a coroutine yields is asyncio's business
    _Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - it has no public name

_EPILOG = """\
first steps:
  mcp-auth-bridge demo
  mcp-auth-bridge login https://mcp.example.com/mcp

exit codes:
  0 done   1 a fault of the bridge   2 configuration or command line   3 a login is needed
  4 permission denied   5 credential store   6 unreachable   7 the server broke a protocol   130 interrupted
"""

_CONFIG_HELP = "the configuration (default: config.toml in your configuration folder, see `status`)"
_TARGET_HELP = "a server of the configuration, or a URL"
_HEADER_HELP = "add a header to every request to the MCP server and to no other; VALUE may be env:NAME or file:PATH"


def main(argv: Sequence[str] | None = None) -> None:
    """Parse, run, and leave with the command's exit code."""
    arguments = _parser().parse_args(argv)
    try:
        code = _run(arguments)
    except BridgeError as error:
        terminal.complain(error)
        code = error.exit_code
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        code = 0  # whoever read our answer has seen enough
    except Exception as bug:  # noqa: BLE001 - no traceback reaches a person: its text could hold a secret
        terminal.complain(fault(bug))
        code = 1
    terminal.leave(code)


def _run(arguments: argparse.Namespace) -> int:
    story: Story = arguments.story(arguments)
    if arguments.story is not _relay:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a person's Ctrl-C is an exit code and a clean end
    from pathlib import Path

    from mcp_auth_bridge.shell.loop import run
    from mcp_auth_bridge.shell.paths import paths
    from mcp_auth_bridge.wiring import world

    return run(story(world(paths(), Path(arguments.config) if arguments.config else None)))


def _relay(arguments: argparse.Namespace) -> "Story":
    parent = os.getppid()  # as early as possible: later it may have died, and somebody else adopted this process
    # From here on, whatever a library prints or reads goes elsewhere.
    from mcp_auth_bridge.shell import stdio

    incoming, outgoing = stdio.claim()
    from mcp_auth_bridge.commands import run

    given = run.Input(arguments.server, incoming, outgoing, _headers(arguments.header), arguments.ipv4, parent)
    return lambda world: run.run(given, world)


def _login(arguments: argparse.Namespace) -> "Story":
    from mcp_auth_bridge.commands import login
    from mcp_auth_bridge.config import command

    browser = None if arguments.no_browser else command(arguments.browser_command or (), "--browser-command")
    given = login.Input(
        arguments.server,
        _headers(arguments.header),
        browser,
        fresh=arguments.fresh,
        device=arguments.device,
        paste=arguments.paste,
        ipv4=arguments.ipv4,
    )
    return lambda world: login.run(given, world)


def _logout(arguments: argparse.Namespace) -> "Story":
    from mcp_auth_bridge.commands import logout

    return lambda world: logout.run(logout.Input(arguments.server), world)


def _status(arguments: argparse.Namespace) -> "Story":
    from mcp_auth_bridge.commands import status

    return lambda world: status.run(status.Input(as_json=arguments.json), world)


def _demo(arguments: argparse.Namespace) -> "Story":
    from mcp_auth_bridge.commands import demo

    return lambda world: demo.run(demo.Input(unattended=arguments.no_browser), world)


def _headers(lines: Sequence[str]) -> Mapping[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise ConfigError(f"--header {name!r} has no colon", "write it as --header 'Name: value'")
        if name.strip() in headers:
            raise ConfigError(f"--header {name.strip()} is given twice", "give it once")
        headers[name.strip()] = value.strip()
    return headers


def _parser() -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = _Parser(
        prog="mcp-auth-bridge",
        description="Stands between an IDE and a remote MCP server: logs in once, keeps the login, relays.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"mcp-auth-bridge {__version__}")
    parser.add_argument("--config", metavar="FILE", help=_CONFIG_HELP)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_run(commands)
    _add_login(commands)
    _add_logout(commands)
    _add_status(commands)
    _add_demo(commands)
    return parser


class _Parser(argparse.ArgumentParser):
    """Errors as everywhere else: the prefix, a sentence, a hint."""

    def error(self, message: str) -> NoReturn:
        terminal.complain(ConfigError(message, f"see: {self.prog} --help"))
        terminal.leave(ConfigError.exit_code)


def _add(
    commands: "_Commands", name: str, story: Callable[[argparse.Namespace], object], text: str, example: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=text.partition(".")[0],
        description=text,
        epilog=f"example:\n{example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(story=story)
    return parser


def _add_run(commands: "_Commands") -> None:
    text = """Relay between an MCP client on stdin and stdout and a remote server. This is what an IDE starts.

Nothing is opened and nobody is asked: if a login is missing, tool calls say so, and a `login` in any terminal is
noticed within a second."""
    example = """  mcp-auth-bridge run acme
  mcp-auth-bridge run https://mcp.acme.example/mcp --header 'X-Acme-Org: 42'

  in an IDE: {"mcpServers": {"acme": {"command": "mcp-auth-bridge", "args": ["run", "acme"]}}}"""
    parser = _add(commands, "run", _relay, text, example)
    parser.add_argument("server", metavar="NAME|URL", help=_TARGET_HELP)
    _add_header(parser)
    _add_ipv4(parser)


def _add_login(commands: "_Commands") -> None:
    text = """Log in to a server with the browser. The login is kept, sealed, and used by every later `run`."""
    example = """  mcp-auth-bridge login acme
  mcp-auth-bridge login https://mcp.acme.example/mcp --browser-command 'firefox --private-window'"""
    parser = _add(commands, "login", _login, text, example)
    parser.add_argument("server", metavar="NAME|URL", help=_TARGET_HELP)
    _add_header(parser)
    browser = parser.add_mutually_exclusive_group()
    browser.add_argument(
        "--browser-command", metavar="CMD", help="open URLs with this command instead of the desktop's"
    )
    browser.add_argument("--no-browser", action="store_true", help="only print the URL")
    _add_ipv4(parser)
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--device", action="store_true", help="sign in on any device with a code, if the server can")
    place.add_argument("--paste", action="store_true", help="paste the address that a browser elsewhere ends at (SSH)")
    parser.add_argument("--fresh", action="store_true", help="register anew, if the server has forgotten this bridge")


def _add_logout(commands: "_Commands") -> None:
    text = "End a login. It is revoked at the authorization server and deleted here."
    parser = _add(commands, "logout", _logout, text, "  mcp-auth-bridge logout acme")
    parser.add_argument("server", metavar="NAME|URL", help=_TARGET_HELP)


def _add_status(commands: "_Commands") -> None:
    text = "Show which servers there are, who is signed in, until when, and where it is stored."
    parser = _add(commands, "status", _status, text, "  mcp-auth-bridge status\n  mcp-auth-bridge status --json")
    parser.add_argument("--json", action="store_true", help="for programs: a list of objects on stdout")


def _add_demo(commands: "_Commands") -> None:
    text = (
        "Show everything once, on this machine alone. Starts a protected MCP server with its own authorization server,"
        " logs in, relays, lets a token expire and be refreshed, and cleans up."
    )
    parser = _add(commands, "demo", _demo, text, "  mcp-auth-bridge demo\n  mcp-auth-bridge demo --no-browser")
    parser.add_argument("--no-browser", action="store_true", help="click Allow by itself instead of in your browser")


def _add_header(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--header", action="append", default=[], metavar="'NAME: VALUE'", help=_HEADER_HELP)


def _add_ipv4(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ipv4", action="store_true", help="use IPv4 only, this time (always: ipv4_only = true)")
