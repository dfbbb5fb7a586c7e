"""The command line: what may be written, and what `--help` says about it. Help texts are the manual."""

import argparse

from mcp_auth_bridge import __version__
from mcp_auth_bridge.cli import options
from mcp_auth_bridge.cli.parser import CommandParser, Formatter, LogFormat, MainParser

_EPILOG = """\
first steps:
  mcp-auth-bridge demo
  mcp-auth-bridge login https://mcp.example.com/mcp

exit codes:
   0 done
   1 a fault of the bridge
   2 the configuration or the command line is wrong
   3 a login is needed
   4 permission denied
   5 the credential store cannot be used
   6 unreachable
   7 the server broke a protocol
   8 the server, or its tool, answered with an error of its own
   9 a variable, file or command that should hold a credential does not
  10 a credential that no login replaces was refused, why cannot be seen
  11 it was refused because it has expired
  12 it was refused because it was made for another server
  13 it was refused because the server does not know its issuer
  14 it was refused because it is not a token
  15 timed out
 130 interrupted
"""


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line; `command` is the name of the command in what it returns."""
    manual: argparse.ArgumentParser = MainParser(
        prog="mcp-auth-bridge",
        description="Stands between an IDE and a remote MCP server: logs in once, keeps the login, relays.",
        epilog=_EPILOG,
        formatter_class=Formatter,
    )
    manual.add_argument("-V", "--version", action="version", version=f"mcp-auth-bridge {__version__}")
    manual.add_argument("--config", metavar="FILE", help=options.CONFIG_HELP)
    manual.add_argument("--debug", action="store_true", help=options.DEBUG_HELP)
    manual.add_argument("--log-format", choices=options.FORMATS, action=LogFormat, help=options.LOG_FORMAT_HELP)
    commands = manual.add_subparsers(
        title="commands", metavar="COMMAND", required=True, dest="command", parser_class=CommandParser
    )
    _add_run(commands)
    _add_login(commands)
    _add_key(commands)
    _add_secret(commands)
    _add_logout(commands)
    _add_status(commands)
    _add_token(commands)
    _add_tools(commands)
    _add_call(commands)
    _add_demo(commands)
    return manual


def _add_run(commands: "options.Commands") -> None:
    text = """Relay between an MCP client on stdin and stdout and a remote server. This is what an IDE starts.

No browser opens until a tool call needs a login. Where there is one, the call waits for it; with login = "never" in the
configuration, it says what to run instead. A `login` in any terminal is noticed within a second."""
    example = """  mcp-auth-bridge run acme
  mcp-auth-bridge run https://mcp.acme.example/mcp --header 'X-Acme-Org: 42'
  mcp-auth-bridge run acme --headless --log-format json
  mcp-auth-bridge run https://mcp.acme.example/mcp --headless \\
      --auth 'kind = "bearer", token = "env:ACME_TOKEN"'

  in an IDE: {"mcpServers": {
      "acme": {"command": "mcp-auth-bridge", "args": ["run", "acme"]}}}"""
    parser = options.add_command(commands, "run", text, example)
    parser.add_argument("server", metavar="NAME|URL", help=options.TARGET_HELP)
    parser.add_argument("--headless", action="store_true", help=options.HEADLESS_HELP)
    options.add_header(parser)
    options.add_auth(parser)
    options.add_ipv4(parser)
    options.add_allow_http(parser)


def _add_login(commands: "options.Commands") -> None:
    text = """Log in to a server with the browser. The login is kept, sealed, and used by every later `run`."""
    example = """  mcp-auth-bridge login              # the only server, or the one you choose
  mcp-auth-bridge login acme
  mcp-auth-bridge login https://mcp.acme.example/mcp \\
      --browser-command 'firefox --private-window'

  on a machine with a browser, and then on one without:
  mcp-auth-bridge login acme --export acme.login
  mcp-auth-bridge login acme --import acme.login \\
      --passphrase file:/run/secrets/passphrase"""
    parser = options.add_command(commands, "login", text, example)
    parser.add_argument("server", metavar="NAME|URL", nargs="?", help=options.LOGIN_TARGET_HELP)
    parser.add_argument("--all", action="store_true", help="log in to every server that lacks a login, in turn")
    options.add_header(parser)
    options.add_auth(parser)
    browser = parser.add_mutually_exclusive_group()
    browser.add_argument(
        "--browser-command", metavar="CMD", help="open URLs with this command instead of the desktop's"
    )
    browser.add_argument("--no-browser", action="store_true", help="only print the URL")
    options.add_ipv4(parser)
    options.add_allow_http(parser)
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--device", action="store_true", help="sign in on any device with a code, if the server can")
    place.add_argument(
        "--paste", action="store_true", help="open nothing; paste the address that a browser elsewhere ends at (SSH)"
    )
    parser.add_argument("--fresh", action="store_true", help="register anew, if the server has forgotten this bridge")
    parser.add_argument(
        "--trust", action="append", default=[], metavar="URL", help="agree to what `login` asked about this URL"
    )
    _add_moving(parser)


def _add_moving(parser: argparse.ArgumentParser) -> None:
    moving = parser.add_argument_group(
        "moving a login to another machine",
        "It goes into a sealed file and is then no longer here: a token that one machine renews is spent on the other.",
    )
    way = moving.add_mutually_exclusive_group()
    way.add_argument("--export", metavar="FILE", help="move the login into this new file instead of logging in")
    way.add_argument("--import", metavar="FILE", dest="import_", help="take it out of this file; - is stdin")
    lock = moving.add_mutually_exclusive_group()
    lock.add_argument(
        "--passphrase",
        metavar="FROM",
        help="where that of the file comes from: env:NAME, file:PATH, command:PROGRAM, - (default: you type it)",
    )
    lock.add_argument("--recipient", metavar="KEY", help="--export to the machine where `key` printed this")
    moving.add_argument("--copy", action="store_true", help="--export and keep it: for tokens that do not rotate")
    moving.add_argument("--replace", action="store_true", help="--import in place of a login that is there")


def _add_key(commands: "options.Commands") -> None:
    text = """Print the key of this machine. A login that is exported to it opens here and nowhere else.

It is made the first time; its private half stays in the store. Compare the line with what arrives on the other machine:
whoever can change it on its way gets the login."""
    options.add_command(commands, "key", text, "  mcp-auth-bridge key")


def _add_secret(commands: "options.Commands") -> None:
    text = "Put a secret into the keyring of the operating system. In the configuration it is called keyring:NAME."
    example = """  mcp-auth-bridge secret acme-key
  mcp-auth-bridge secret acme-key < key.txt"""
    parser = options.add_command(commands, "secret", text, example)
    parser.add_argument("name", metavar="NAME", help="what to call it; one of that name is replaced")


def _add_logout(commands: "options.Commands") -> None:
    text = "End a login. It is revoked at the authorization server and deleted here."
    example = """  mcp-auth-bridge logout acme
  mcp-auth-bridge logout --all"""
    parser = options.add_command(commands, "logout", text, example)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("server", nargs="?", metavar="NAME|URL", help=options.TARGET_HELP)
    which.add_argument(
        "--all",
        action="store_true",
        help="every login on this machine, also to servers that the configuration no longer names",
    )
    options.add_auth(parser)
    options.add_allow_http(parser)


def _add_status(commands: "options.Commands") -> None:
    text = "Show which servers there are, who is signed in, until when, and where it is stored."
    parser = options.add_command(commands, "status", text, "  mcp-auth-bridge status\n  mcp-auth-bridge status --json")
    parser.add_argument("--json", action="store_true", help="for programs: a list of objects on stdout")


def _add_token(commands: "options.Commands") -> None:
    text = """Print an access token. For curl, scripts and other programs that speak to the server themselves.

It is renewed first if it is about to expire; no browser is opened. With --exec a program finds it in its environment,
and nobody finds it in a list of processes."""
    example = """  mcp-auth-bridge token acme
  mcp-auth-bridge token acme --format json
  mcp-auth-bridge token acme --exec ./report.py   # reads the variable MCP_TOKEN"""
    parser = options.add_command(commands, "token", text, example)
    parser.add_argument("server", metavar="NAME|URL", help=options.TARGET_HELP)
    parser.add_argument("--headless", action="store_true", help=options.NO_KEYRING_HELP)
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--format",
        choices=("plain", "json"),
        default="plain",
        help="json: token_type, access_token, expires_at, resource, issuer, scope and account (default: plain)",
    )
    form.add_argument(
        "--exec", nargs="*", metavar="CMD", help="become this program, with the token in its environment; comes last"
    )
    parser.add_argument("--env", metavar="NAME", help="the variable for --exec (default: MCP_TOKEN)")
    options.add_auth(parser)
    options.add_ipv4(parser)
    options.add_allow_http(parser)


def _add_tools(commands: "options.Commands") -> None:
    text = """List the tools of a server with their arguments. What may be left out is in brackets."""
    parser = options.add_command(
        commands, "tools", text, "  mcp-auth-bridge tools acme\n  mcp-auth-bridge tools acme --json"
    )
    parser.add_argument("server", metavar="NAME|URL", help=options.TARGET_HELP)
    parser.add_argument("--json", action="store_true", help="the list as the server wrote it, all pages in one")
    parser.add_argument("--headless", action="store_true", help=options.NO_KEYRING_HELP)
    options.add_header(parser)
    options.add_auth(parser)
    options.add_ipv4(parser)
    options.add_allow_http(parser)


def _add_call(commands: "options.Commands") -> None:
    text = """Call a tool of a server and print its result. It goes through the same relay as an IDE's calls.

Arguments are one JSON object, pairs that are read by the tool's own schema, or - for JSON on stdin. A tool that fails
ends the command with exit code 8. Ctrl-C cancels the call on the server."""
    example = """  mcp-auth-bridge call acme add a=19 b=23
  mcp-auth-bridge call acme search '{"query": "open tickets", "limit": 5}'
  mcp-auth-bridge call acme import - < tickets.json
  mcp-auth-bridge call acme screenshot --output pictures"""
    parser = options.add_command(commands, "call", text, example)
    parser.add_argument("server", metavar="NAME|URL", help=options.TARGET_HELP)
    parser.add_argument("tool", metavar="TOOL", help="one of those that `tools` lists")
    parser.add_argument(
        "arguments", nargs="*", default=(), metavar="JSON | KEY=VALUE… | -", help="see above (default: none)"
    )
    parser.add_argument("--json", action="store_true", help="the whole result as the server wrote it")
    parser.add_argument("--output", metavar="DIR", help="save images and other files there")
    parser.add_argument("--headless", action="store_true", help=options.NO_KEYRING_HELP)
    options.add_header(parser)
    options.add_auth(parser)
    options.add_ipv4(parser)
    options.add_allow_http(parser)


def _add_demo(commands: "options.Commands") -> None:
    text = (
        "Show everything once, on this machine alone. Starts a protected MCP server with its own authorization server,"
        " logs in, relays, lets a token expire and be refreshed, and cleans up."
    )
    parser = options.add_command(commands, "demo", text, "  mcp-auth-bridge demo\n  mcp-auth-bridge demo --no-browser")
    parser.add_argument("--no-browser", action="store_true", help="click Allow by itself instead of in your browser")
