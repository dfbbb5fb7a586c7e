"""The commands, their options and the texts of `--help`, which are the manual."""

import argparse
from collections.abc import Callable, Mapping, Sequence

from mcp_auth_bridge import __version__
from mcp_auth_bridge.cli import options
from mcp_auth_bridge.cli.parser import CommandParser, Formatter, LogFormat, MainParser

_EPILOG = """\
first steps:
  mcp-auth-bridge demo
  mcp-auth-bridge install kiro https://mcp.example.com/mcp

exit codes:
   0 done
   1 a fault of the bridge
   2 the configuration or the command line is wrong
   3 a login is needed
   4 permission denied
   5 the credential store cannot be used
   6 the server cannot be reached
   7 a server violated a protocol
   8 the server or its tool answered with an error
   9 a variable, file or command does not hold the credential that it should
  10 a credential that a login cannot replace was refused, reason unknown
  11 it was refused because it has expired
  12 it was refused because it was made for another server
  13 it was refused because the server does not know its issuer
  14 it was refused because it is not a token
  15 timed out
  16 `doctor` found something wrong
 130 interrupted
"""


def build_parser(words: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The parser of the whole command line; its result has the name of the command as `command`.

    If the line begins with a command, argparse leaves the other `words` to that command's parser. Then this one knows
    no other command: building all of them would take a twentieth of a start.
    """
    manual: argparse.ArgumentParser = MainParser(
        prog="mcp-auth-bridge",
        description="Stands between an IDE and a remote MCP server: logs in once, keeps the login, relays messages.",
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
    for name in words[:1] if words[:1] and words[0] in _COMMANDS else _COMMANDS:
        _COMMANDS[name](commands)
    return manual


def _add_run(commands: "options.Commands") -> None:
    text = """Relay between an MCP client on stdin and stdout and a remote server. An IDE starts this command.

A browser opens only when a tool call needs a login, and the call waits for it. With login = "never" in the
configuration, or without a browser, the reply to the call says which command to run. After a `login` in any terminal
the relay goes on within a second."""
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
    text = """Log in to a server with the browser. The login is stored encrypted, and every later `run` uses it."""
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
    parser.add_argument("--all", action="store_true", help="log in to each server that lacks a login, in turn")
    options.add_header(parser)
    options.add_auth(parser)
    browser = parser.add_mutually_exclusive_group()
    browser.add_argument(
        "--browser-command", metavar="CMD", help="open URLs with this command instead of the desktop's browser"
    )
    browser.add_argument("--no-browser", action="store_true", help="print the URL and open nothing")
    options.add_ipv4(parser)
    options.add_allow_http(parser)
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--device", action="store_true", help="sign in on any device with a code, if supported")
    place.add_argument(
        "--paste",
        action="store_true",
        help="open no browser here; paste the address where a browser elsewhere ends (SSH)",
    )
    parser.add_argument("--fresh", action="store_true", help="register again, if the server has forgotten this bridge")
    parser.add_argument(
        "--trust",
        action="append",
        default=[],
        metavar="URL",
        help="answer yes in advance if `login` asks about this URL",
    )
    _add_moving(parser)


def _add_moving(parser: argparse.ArgumentParser) -> None:
    moving = parser.add_argument_group(
        "moving a login to another machine",
        "The file is encrypted, and the login is deleted here: once one machine renews a token, the other's is spent.",
    )
    way = moving.add_mutually_exclusive_group()
    way.add_argument("--export", metavar="FILE", help="move the login into this new file")
    way.add_argument("--import", metavar="FILE", dest="import_", help="read the login from this file; - is stdin")
    lock = moving.add_mutually_exclusive_group()
    lock.add_argument(
        "--passphrase",
        metavar="FROM",
        help="the file's passphrase: env:NAME, file:PATH, command:PROGRAM, or - for stdin (default: you type it)",
    )
    lock.add_argument(
        "--recipient",
        metavar="KEY",
        help="with --export: encrypt for the machine on which `key` printed this",
    )
    moving.add_argument(
        "--copy", action="store_true", help="with --export: keep the login here; for tokens that never rotate"
    )
    moving.add_argument("--replace", action="store_true", help="with --import: replace a login that exists here")


def _add_key(commands: "options.Commands") -> None:
    text = """Print the public key of this machine. A login that is exported to this key can be imported only here.

The first call creates the key pair; the private key stays in the store. Compare the line on both machines: anyone who
can replace it on the way gets the login."""
    parser = options.add_command(commands, "key", text, "  mcp-auth-bridge key\n  mcp-auth-bridge key --json")
    parser.add_argument("--json", action="store_true", help="for programs: print a JSON object")


def _add_secret(commands: "options.Commands") -> None:
    text = "Put a secret into the operating system's keyring. The configuration refers to it as keyring:NAME."
    example = """  mcp-auth-bridge secret acme-key
  mcp-auth-bridge secret acme-key < key.txt"""
    parser = options.add_command(commands, "secret", text, example)
    parser.add_argument("name", metavar="NAME", help="the name of the secret; it replaces an older one of that name")


def _add_logout(commands: "options.Commands") -> None:
    text = "End a login. The authorization server revokes it, and it is deleted here."
    example = """  mcp-auth-bridge logout acme
  mcp-auth-bridge logout --all"""
    parser = options.add_command(commands, "logout", text, example)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("server", nargs="?", metavar="NAME|URL", help=options.TARGET_HELP)
    which.add_argument(
        "--all",
        action="store_true",
        help="every login on this machine, including those to servers that are no longer in the configuration",
    )
    options.add_auth(parser)
    options.add_allow_http(parser)


def _add_status(commands: "options.Commands") -> None:
    text = """List the servers, who is signed in and until when; then the bridge's configuration, log files and store.

With a server, show only that one."""
    example = """  mcp-auth-bridge status
  mcp-auth-bridge status acme
  mcp-auth-bridge status --json"""
    parser = options.add_command(commands, "status", text, example)
    parser.add_argument("server", metavar="NAME|URL", nargs="?", help=options.TARGET_HELP)
    parser.add_argument("--json", action="store_true", help="for programs: print a JSON list of objects")


def _add_doctor(commands: "options.Commands") -> None:
    text = """Find out what is wrong, whose fault it is, and what to do next.

It looks at this machine, at the way to the server, at the server, its OAuth, your credential and your IDE's entry. It
changes nothing and opens no browser. Without a server it looks at the only one of the configuration, else at this
machine alone."""
    example = """  mcp-auth-bridge doctor acme
  mcp-auth-bridge doctor https://mcp.acme.example/mcp --header 'X-Acme-Org: 42'
  mcp-auth-bridge doctor acme --for-operator
  mcp-auth-bridge doctor acme --bundle report.json   # for a public ticket"""
    parser = options.add_command(commands, "doctor", text, example)
    parser.add_argument("server", metavar="NAME|URL", nargs="?", help=options.TARGET_HELP)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON document, for programs")
    form.add_argument(
        "--for-operator", action="store_true", help="print only the text to send to the operator of the server"
    )
    parser.add_argument(
        "--bundle",
        metavar="FILE",
        help="also write the report into this new file, with labels in place of hosts, people and secrets",
    )
    parser.add_argument(
        "--register", action="store_true", help="also register a client and ask for a machine's token, as a login does"
    )
    options.add_header(parser)
    options.add_auth(parser)
    options.add_ipv4(parser)
    options.add_allow_http(parser)


def _add_install(commands: "options.Commands") -> None:
    from mcp_auth_bridge.cli import installation_manual  # as below

    installation_manual.add_install(commands)


def _add_uninstall(commands: "options.Commands") -> None:
    from mcp_auth_bridge.cli import installation_manual  # as below

    installation_manual.add_uninstall(commands)


def _add_token(commands: "options.Commands") -> None:
    text = """Print an access token. For curl, scripts and other programs that send requests to the server themselves.

A token that is about to expire is renewed first. No browser opens. With --exec a program gets the token in its
environment, where the list of processes does not show it."""
    example = """  mcp-auth-bridge token acme
  mcp-auth-bridge token acme --json
  mcp-auth-bridge token acme --exec ./report.py   # reads the variable MCP_TOKEN"""
    parser = options.add_command(commands, "token", text, example)
    parser.add_argument("server", metavar="NAME|URL", help=options.TARGET_HELP)
    parser.add_argument("--headless", action="store_true", help=options.NO_KEYRING_HELP)
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--json",
        action="store_true",
        help="print the token with its type, expiry, resource, issuer, scope and account, for programs",
    )
    form.add_argument(
        "--exec",
        nargs="*",
        metavar="CMD",
        help="run this program in the bridge's place, with the token in its environment; comes last",
    )
    parser.add_argument("--env", metavar="NAME", help="the variable for --exec (default: MCP_TOKEN)")
    options.add_auth(parser)
    options.add_ipv4(parser)
    options.add_allow_http(parser)


def _add_tools(commands: "options.Commands") -> None:
    text = """List the tools of a server with their arguments. Optional arguments are in brackets."""
    parser = options.add_command(
        commands, "tools", text, "  mcp-auth-bridge tools acme\n  mcp-auth-bridge tools acme --json"
    )
    parser.add_argument("server", metavar="NAME|URL", help=options.TARGET_HELP)
    parser.add_argument("--json", action="store_true", help="print the list as the server sent it, all pages in one")
    parser.add_argument("--headless", action="store_true", help=options.NO_KEYRING_HELP)
    options.add_header(parser)
    options.add_auth(parser)
    options.add_ipv4(parser)
    options.add_allow_http(parser)


def _add_call(commands: "options.Commands") -> None:
    text = """Call a tool of a server and print its result. The call goes through the same relay as an IDE's calls.

Give the arguments as one JSON object, as KEY=VALUE pairs (the tool's schema gives their types), or as - for JSON on
stdin. If the tool fails, the exit code is 8. Ctrl-C cancels the call on the server."""
    example = """  mcp-auth-bridge call acme add a=19 b=23
  mcp-auth-bridge call acme search '{"query": "open tickets", "limit": 5}'
  mcp-auth-bridge call acme import - < tickets.json
  mcp-auth-bridge call acme screenshot --output pictures"""
    parser = options.add_command(commands, "call", text, example)
    parser.add_argument("server", metavar="NAME|URL", help=options.TARGET_HELP)
    parser.add_argument("tool", metavar="TOOL", help="a name from the list that `tools` prints")
    parser.add_argument(
        "arguments", nargs="*", default=(), metavar="JSON | KEY=VALUE… | -", help="see above (default: none)"
    )
    parser.add_argument("--json", action="store_true", help="print the whole result as the server sent it")
    parser.add_argument("--output", metavar="DIR", help="save images and other files in this folder")
    parser.add_argument("--headless", action="store_true", help=options.NO_KEYRING_HELP)
    options.add_header(parser)
    options.add_auth(parser)
    options.add_ipv4(parser)
    options.add_allow_http(parser)


def _add_demo(commands: "options.Commands") -> None:
    text = (
        "Show the whole story once, on this machine alone. Starts a protected MCP server with its own authorization"
        " server, logs in, relays, lets a token expire, refreshes it, and cleans up."
    )
    parser = options.add_command(commands, "demo", text, "  mcp-auth-bridge demo\n  mcp-auth-bridge demo --no-browser")
    parser.add_argument("--no-browser", action="store_true", help="allow the login automatically, without your browser")


def _add_completion(commands: "options.Commands") -> None:
    text = """Print the script that lets a shell complete command lines of this program: bash, zsh or fish.

It completes commands, options, clients, files, and the names of servers. No keyring is opened for them."""
    example = """  mcp-auth-bridge completion fish | source    # in config.fish
  eval "$(mcp-auth-bridge completion bash)"   # in ~/.bashrc
  eval "$(mcp-auth-bridge completion zsh)"    # in ~/.zshrc, after compinit"""
    parser = options.add_command(commands, "completion", text, example)
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell")
    parser.add_argument(
        "--line", action="store_true", help="for the script: read a command line from stdin, print what may come next"
    )


def _add_add(commands: "options.Commands") -> None:
    from mcp_auth_bridge.cli import configuration_manual  # `run` needs none of these

    configuration_manual.add_add(commands)


def _add_list(commands: "options.Commands") -> None:
    from mcp_auth_bridge.cli import configuration_manual  # as above

    configuration_manual.add_list(commands)


def _add_edit(commands: "options.Commands") -> None:
    from mcp_auth_bridge.cli import configuration_manual  # as above

    configuration_manual.add_edit(commands)


def _add_remove(commands: "options.Commands") -> None:
    from mcp_auth_bridge.cli import configuration_manual  # as above

    configuration_manual.add_remove(commands)


_COMMANDS: Mapping[str, Callable[["options.Commands"], None]] = {
    "run": _add_run,
    "add": _add_add,
    "list": _add_list,
    "edit": _add_edit,
    "remove": _add_remove,
    "login": _add_login,
    "key": _add_key,
    "secret": _add_secret,
    "logout": _add_logout,
    "status": _add_status,
    "doctor": _add_doctor,
    "install": _add_install,
    "uninstall": _add_uninstall,
    "token": _add_token,
    "tools": _add_tools,
    "call": _add_call,
    "demo": _add_demo,
    "completion": _add_completion,
}
"""Adds the parser of a command, by the name of the command, in the order of the help."""
