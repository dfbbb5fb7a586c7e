"""The command, the arguments and the environment with which a client starts an entry."""

import re
from collections.abc import Iterator, Mapping

import msgspec

from mcp_auth_bridge.clients.client import Client, Expansion, Launch, Platform, System
from mcp_auth_bridge.clients.entries import Entry

DESKTOP_PATHS = {
    Platform.MACOS: "/usr/bin:/bin:/usr/sbin:/sbin",  # launchd's; Kiro #1850
    Platform.LINUX: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",  # of a systemd user session
}
"""The `PATH` of a program that a dock or a menu starts. On Windows, it has the user's own."""

_OF_A_USER = frozenset(["HOME", "LANG", "LC_ALL", "LOGNAME", "SHELL", "TMPDIR", "USER"])
_OF_A_SESSION = _OF_A_USER | {
    *("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR", "XDG_SESSION_TYPE", "XDG_CURRENT_DESKTOP"),
    *("DBUS_SESSION_BUS_ADDRESS", "SSH_AUTH_SOCK"),
}
"""The variables that a desktop's session gives to every program."""

_PASSED_BY_CODEX = _OF_A_USER | {"PATH", "SSL_CERT_FILE", "TERM", "TZ"}

_NAME_OF_A_SECRET = re.compile("TOKEN|SECRET|PASSW|KEY|AUTH|CREDENTIAL|CREDS|PRIVATE|CERT", re.IGNORECASE)
"""What Gemini CLI takes for the name of a secret (its `environmentSanitization.ts`)."""


_ASKING = re.compile(r"\$\{(input|command|config):")


class Start(msgspec.Struct, frozen=True):
    """How a client starts an entry, and in which folder. The values may be secret."""

    argv: tuple[str, ...]
    environ: Mapping[str, str]
    folder: str = "/"


def start_of(entry: Entry, system: System) -> Start:
    """How the client of `entry`, which starts a program, does so on `system`; its variables are those of a terminal."""
    own = environment(entry.client, system)
    added = {name: expand(value.reveal(), entry.client, system, own) for name, value in entry.env.items()}
    forwarded = {name: system.environ[name] for name in entry.forwards if name in system.environ}
    argv = tuple(expand(word, entry.client, system, own) for word in entry.argv)
    folder = expand(entry.cwd, entry.client, system, own) or "/"
    return Start(argv, {**own, **forwarded, **added}, folder)


def environment(client: Client, system: System) -> dict[str, str]:
    """The variables that each server of `client` gets on `system`."""
    return {name: value for name, value in system.environ.items() if _passes(client, system.platform, name)} | (
        {"PATH": DESKTOP_PATHS[system.platform]} if hides_shell(client, system.platform) else {}
    )


def hides_shell(client: Client, platform: Platform) -> bool:
    """Whether the servers of `client` have another `PATH` than the user's shell. Windows has no other one."""
    return client.launch is Launch.DESKTOP and platform is not Platform.WINDOWS


def _passes(client: Client, platform: Platform, name: str) -> bool:
    """Whether the servers of `client` get the variable `name` of a terminal."""
    match client.launch:
        case Launch.ALLOWED if platform is not Platform.WINDOWS:
            return name in _PASSED_BY_CODEX
        case Launch.SCREENED:
            return not _NAME_OF_A_SECRET.search(name)
        case Launch.DESKTOP if platform is not Platform.WINDOWS:
            return name in _OF_A_SESSION
    return True


def expand(text: str, client: Client, system: System, environ: Mapping[str, str]) -> str:
    """`text` with the variables that `client` expands from `environ`. One without a value stays as it is."""
    for form in client.expands:
        if form is Expansion.TILDE:
            text = re.sub(form.value, lambda _: system.home, text)
            continue
        text = re.sub(form.value, lambda found: _value(found, environ), text)
        if form is Expansion.EDITOR:
            text = text.replace("${userHome}", system.home).replace("${workspaceFolder}", system.workspace)
    return text


def _value(found: re.Match[str], environ: Mapping[str, str]) -> str:
    value = environ.get(found["name"]) or found.groupdict().get("default")
    return found[0] if value is None else value


def asks(entry: Entry) -> bool:
    """Whether the client gets a value of `entry` from the user, a command or its settings (VS Code)."""
    return any(_ASKING.search(text) for text in (*entry.argv, *(value.reveal() for value in entry.env.values())))


def unexpanded(text: str) -> Iterator[str]:
    """The variables in `text` in any client's form: after `expand`, those that the program gets unexpanded."""
    for form in (Expansion.BRACES, Expansion.EDITOR, Expansion.PLAIN):
        # A default is left out: it may be secret.
        yield from (re.sub(":-.*}", "}", found[0]) for found in re.finditer(form.value, text))
