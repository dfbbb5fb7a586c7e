"""argv → a command's `Input`; an error → a message and an exit code.

Before the command is known, it imports only the standard library and the smallest modules of this package.
"""

import argparse
import gc
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from mcp_auth_bridge.cli import manual
from mcp_auth_bridge.errors import BridgeError, ConfigError
from mcp_auth_bridge.shell.console import terminal

if TYPE_CHECKING:
    from mcp_auth_bridge.app.context import Context
    from mcp_auth_bridge.config.profile import ServerChoice

    Story: TypeAlias = Callable[
        [Context], Coroutine[Any, Any, int]
    ]  # Any: what a coroutine yields is asyncio's business

_GO_ON_WITHOUT = ("doctor", "add", "edit", "remove", "uninstall", "completion")
"""The commands that do without the configuration file, or read it themselves: it may be wrong, or not be there yet."""

_DEBUG_VARIABLE = "MCP_AUTH_BRIDGE_DEBUG"


def main(argv: Sequence[str] | None = None) -> None:
    """Parse `argv`, run the command, and exit with its exit code."""
    terminal.open_standard_streams()
    words = sys.argv[1:] if argv is None else argv
    arguments = manual.build_parser(words).parse_args(words)
    try:
        code = _run(arguments)
    except BridgeError as error:
        terminal.report_error(error)
        code = error.exit_code
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        code = 0  # the reader of stdout has seen enough
    except BaseException as bug:  # noqa: BLE001 - no traceback is printed: its text may hold a secret
        terminal.report_fault(bug)
        code = 1
    terminal.exit_now(code)


def _run(arguments: argparse.Namespace) -> int:
    from mcp_auth_bridge.shell.process import core_dumps  # --help and --version hold no secrets

    core_dumps.forbid()
    story = _STORIES[arguments.command](arguments)
    headless = getattr(arguments, "headless", False)
    if arguments.command != "run":
        signal.signal(signal.SIGINT, signal.default_int_handler)  # Ctrl-C ends it cleanly, with its exit code
        if not headless:
            from mcp_auth_bridge.shell.console import silence_notice

            silence_notice.enable()
    from pathlib import Path

    from mcp_auth_bridge.app.context import load_context, load_context_or_default
    from mcp_auth_bridge.config.store import KeyringStoreSettings, MemoryStoreSettings
    from mcp_auth_bridge.shell.files.paths import paths
    from mcp_auth_bridge.shell.process import uncaught
    from mcp_auth_bridge.shell.process.loop import run

    uncaught.install_hooks()
    _begin_log(arguments)
    # A keyring might prompt the user.
    store = MemoryStoreSettings() if headless else KeyringStoreSettings()
    config = Path(arguments.config) if arguments.config else None
    if arguments.command in _GO_ON_WITHOUT:
        context = load_context_or_default(paths, config, store)
    else:
        context = load_context(paths(), config, store)
    _begin_collecting()
    return run(story(context))


def _begin_collecting() -> None:
    """Collect garbage from here on, but never look through the modules: they stay until the process ends."""
    gc.freeze()
    gc.enable()


def _begin_log(arguments: argparse.Namespace) -> None:
    from mcp_auth_bridge.shell.console import debug_log
    from mcp_auth_bridge.shell.files.paths import paths

    if arguments.command == "run":
        terminal.keep_log(paths().log)
    if arguments.debug or os.environ.get(_DEBUG_VARIABLE, "0") not in ("", "0"):
        debug_log.enable()
    debug_log.describe_process(arguments.command)


def _relay(arguments: argparse.Namespace) -> "Story":
    parent = os.getppid()  # as early as possible: once it has died, another process adopts this one
    # From here on, libraries can neither write to the client nor read from it.
    from mcp_auth_bridge.shell.console import stdio
    from mcp_auth_bridge.shell.process import lean_imports

    incoming, outgoing = stdio.claim()
    lean_imports.load_asyncio()
    lean_imports.load_msgspec()
    from mcp_auth_bridge.commands import run

    given = run.Input(_server(arguments), incoming, outgoing, parent, headless=arguments.headless)
    return lambda context: run.run(given, context)


def _configuration(arguments: argparse.Namespace) -> "Story":
    """The story of a command about the servers in the configuration file."""
    from mcp_auth_bridge.cli import configuration_stories

    return configuration_stories.story(arguments, _headers(vars(arguments).get("header", ())))


def _login(arguments: argparse.Namespace) -> "Story":
    _check_login_options(arguments)
    if arguments.export is not None or arguments.import_ is not None:
        return _moving(arguments)
    from mcp_auth_bridge.commands import login
    from mcp_auth_bridge.config.toml import split_arguments

    _check_all(arguments)
    _check_server_is_named(arguments)
    browser = None if arguments.no_browser else split_arguments(arguments.browser_command or (), "--browser-command")
    given = login.Input(
        None if arguments.server is None else _server(arguments),
        browser,
        fresh=arguments.fresh,
        device=arguments.device,
        paste=arguments.paste,
        trust=tuple(arguments.trust),
    )
    if arguments.all:
        from mcp_auth_bridge.commands import login_all

        return lambda context: login_all.run(given, context)
    return lambda context: login.run(given, context)


def _check_all(arguments: argparse.Namespace) -> None:
    if arguments.all and arguments.server is not None:
        raise ConfigError("--all means every server that lacks a login, but one is named", "leave one of them out")


def _check_server_is_named(arguments: argparse.Namespace) -> None:
    """Raise `ConfigError` for an option that is about one server where none is named."""
    about_one = [name for name in ("header", "auth", "ipv4", "allow_http") if getattr(arguments, name)]
    if about_one and arguments.server is None:
        raise ConfigError(
            f"--{about_one[0].replace('_', '-')} is for one server, but none is named", "name it, or give its URL"
        )


def _moving(arguments: argparse.Namespace) -> "Story":
    passphrase = arguments.passphrase or ""
    if arguments.export is not None:
        from mcp_auth_bridge.commands import export_login

        recipient = arguments.recipient or ""
        sent = export_login.Input(arguments.server, arguments.export, recipient, passphrase, copy=arguments.copy)
        return lambda context: export_login.run(sent, context)
    from mcp_auth_bridge.commands import import_login

    brought = import_login.Input(arguments.server, arguments.import_, passphrase, replace=arguments.replace)
    return lambda context: import_login.run(brought, context)


_LOGIN_OPTIONS = {
    "--export": ("recipient", "passphrase", "copy"),
    "--import": ("passphrase", "replace"),
    "a login": (
        *("header", "browser_command", "no_browser", "device", "paste", "fresh", "trust", "ipv4", "allow_http", "auth"),
        "all",
    ),
}
"""The options of `login` for each of the three things that it does."""


def _check_login_options(arguments: argparse.Namespace) -> None:
    export, import_ = arguments.export is not None, arguments.import_ is not None
    if (export or import_) and arguments.server is None:
        raise ConfigError("the login to move is not named", "name its server, or give its URL")
    given = "--export" if export else "--import" if import_ else "a login"
    for name in sorted({name for names in _LOGIN_OPTIONS.values() for name in names} - {*_LOGIN_OPTIONS[given]}):
        if getattr(arguments, name):
            right = " and ".join(way for way, names in _LOGIN_OPTIONS.items() if name in names)
            raise ConfigError(
                f"--{name.replace('_', '-')} goes with {right}, not with {given}", "leave one of them out"
            )


def _secret(arguments: argparse.Namespace) -> "Story":
    from mcp_auth_bridge.commands import secret

    return lambda context: secret.run(secret.Input(arguments.name), context)


def _key(arguments: argparse.Namespace) -> "Story":
    from mcp_auth_bridge.commands import key

    return lambda context: key.run(key.Input(arguments.json), context)


def _logout(arguments: argparse.Namespace) -> "Story":
    from mcp_auth_bridge.commands import logout

    if arguments.all and arguments.auth is not None:
        raise ConfigError("--auth chooses one login, but --all means every one", "leave one of them out")
    given = logout.Input(None if arguments.all else _server(arguments))
    return lambda context: logout.run(given, context)


def _status(arguments: argparse.Namespace) -> "Story":
    from mcp_auth_bridge.commands import status

    given = status.Input(arguments.json, None if arguments.server is None else _server(arguments))
    return lambda context: status.run(given, context)


def _doctor(arguments: argparse.Namespace) -> "Story":
    from mcp_auth_bridge.commands import doctor
    from mcp_auth_bridge.doctor.subject import Depth

    _check_server_is_named(arguments)
    depth = Depth.REGISTER if arguments.register else Depth.LOOK
    form = doctor.Form.JSON if arguments.json else doctor.Form.TEXT
    given = doctor.Input(
        None if arguments.server is None else _server(arguments),
        depth,
        doctor.Form.OPERATOR if arguments.for_operator else form,
        arguments.bundle,
    )
    return lambda context: doctor.run(given, context)


def _installation(arguments: argparse.Namespace) -> "Story":
    from mcp_auth_bridge.cli import installation_stories

    return installation_stories.story(arguments, None if arguments.server is None else _server(arguments))


def _token(arguments: argparse.Namespace) -> "Story":
    from mcp_auth_bridge.commands import token

    if arguments.exec == ():
        raise ConfigError("--exec needs a program", "write it last, with its arguments, as in --exec ./report.py --all")
    if arguments.env is not None and arguments.exec is None:
        raise ConfigError("--env names the variable for --exec, which is not given", "add --exec and a program")
    variable = token.VARIABLE if arguments.env is None else arguments.env
    given = token.Input(_server(arguments), arguments.json, arguments.exec or (), variable)
    return lambda context: token.run(given, context)


def _tools(arguments: argparse.Namespace) -> "Story":
    from mcp_auth_bridge.commands import tools

    given = tools.Input(_server(arguments), arguments.json)
    return lambda context: tools.run(given, context)


def _call(arguments: argparse.Namespace) -> "Story":
    from pathlib import Path

    from mcp_auth_bridge.commands import call

    given = call.Input(
        _server(arguments),
        arguments.tool,
        tuple(arguments.arguments),
        as_json=arguments.json,
        output=Path(arguments.output) if arguments.output is not None else None,
    )
    return lambda context: call.run(given, context)


def _demo(arguments: argparse.Namespace) -> "Story":
    from mcp_auth_bridge.commands import demo

    return lambda context: demo.run(demo.Input(unattended=arguments.no_browser), context)


def _completion(arguments: argparse.Namespace) -> "Story":
    from mcp_auth_bridge.cli import completion

    return completion.story(arguments)


def _server(arguments: argparse.Namespace) -> "ServerChoice":
    """The choice of a server on the command line. Not every command has every option."""
    from mcp_auth_bridge.config.profile import ServerChoice

    given = vars(arguments)
    headers = _headers(given.get("header", ()))
    return ServerChoice(
        arguments.server,
        headers,
        given.get("auth"),
        ipv4=given.get("ipv4", False),
        allow_http=given.get("allow_http", False),
    )


def _headers(lines: Sequence[str]) -> Mapping[str, str]:
    headers: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        name, colon, value = line.partition(":")
        if not colon:  # the line is not repeated: without the colon, the secret value is part of it
            raise ConfigError(f"--header number {number} has no colon", "write it as --header 'Name: value'")
        if name.strip() in headers:
            raise ConfigError(f"--header {name.strip()} is given twice", "give it once")
        headers[name.strip()] = value.strip()
    return headers


_STORIES: Mapping[str, Callable[[argparse.Namespace], "Story"]] = {
    "run": _relay,
    **dict.fromkeys(("add", "list", "edit", "remove"), _configuration),
    "login": _login,
    "key": _key,
    "secret": _secret,
    "logout": _logout,
    "status": _status,
    "doctor": _doctor,
    "install": _installation,
    "uninstall": _installation,
    "token": _token,
    "tools": _tools,
    "call": _call,
    "demo": _demo,
    "completion": _completion,
}
"""Builds the story of a command from its arguments, by the name of the command."""
