"""The options that several commands share, with their help texts."""

import argparse
from typing import TYPE_CHECKING, TypeAlias

from mcp_auth_bridge.cli.parser import CommandParser, Formatter, LogFormat

if TYPE_CHECKING:
    Commands: TypeAlias = argparse._SubParsersAction[CommandParser]  # noqa: SLF001 - it has no public name

CONFIG_HELP = "the configuration file (default: config.toml in your configuration folder, see `status`)"
DEBUG_HELP = "write each step to stderr, without secrets: for a bug report (permanently: MCP_AUTH_BRIDGE_DEBUG=1)"
FORMATS = ("text", "json")
LOG_FORMAT_HELP = "the format of stderr: text, or json for one object a line (time, level, message, code, …)"
HEADLESS_HELP = (
    "run without a person: end at once if a credential is missing, answer each failure with a JSON-RPC error and a line"
    " on stderr, and if nothing ever worked, end with the exit code of the last failure; use a keyring only if the"
    " configuration names one"
)
NO_KEYRING_HELP = "run without a person: use a keyring only if the configuration names one"
TARGET_HELP = "a server in the configuration, or a URL"
LOGIN_TARGET_HELP = f"{TARGET_HELP} (default: the only one, or you choose)"
CLIENT_HELP = "a client: kiro, claude-code, cursor, …; `install` alone lists those on this machine"
_AUTH_HELP = (
    "authenticate in this way instead of the configured one: the content of an auth table, in which each secret is"
    " env:NAME, file:PATH, command:PROGRAM or keyring:NAME"
)
_ALLOW_HTTP_HELP = (
    "accept a plain http URL, although others can read the credentials on the way; never for an authorization server"
    " (permanently: allow_http = true)"
)
_HEADER_HELP = "add a header to every request to the MCP server, and to no other; VALUE may be env:NAME or file:PATH"


def add_command(commands: "Commands", name: str, text: str, example: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name,
        help=text.partition(".")[0],
        description=text,
        epilog=f"example:\n{example}",
        formatter_class=Formatter,
    )
    # Suppressed: without the option here, the value that was given before the command stays.
    parser.add_argument("--config", metavar="FILE", default=argparse.SUPPRESS, help=CONFIG_HELP)
    parser.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=DEBUG_HELP)
    parser.add_argument(
        "--log-format", choices=FORMATS, action=LogFormat, default=argparse.SUPPRESS, help=LOG_FORMAT_HELP
    )
    return parser


def add_header(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--header", action="append", default=[], metavar="'NAME: VALUE'", help=_HEADER_HELP)


def add_ipv4(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ipv4", action="store_true", help="use IPv4 only (permanently: ipv4_only = true)")


def add_allow_http(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--allow-http", action="store_true", help=_ALLOW_HTTP_HELP)


def add_auth(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--auth", metavar="'KEY = VALUE, …'", help=_AUTH_HELP)
