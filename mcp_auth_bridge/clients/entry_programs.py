"""The program that an entry starts: this bridge, another bridge, or anything else."""

import re
import shlex
from collections.abc import Sequence
from itertools import pairwise

import msgspec

NAME = "mcp-auth-bridge"

OTHER_BRIDGES = ("mcp-remote", "fastmcp-remote", "mcp-proxy", "mcp-stdio", "supergateway")
"""Programs that reach a remote server for a client, as this bridge does."""

_SHELLS = ("sh", "bash", "zsh", "dash", "ksh", "fish")
_RUNNERS = ("uvx", "uv", "pipx", "npx", "pnpx", "bunx", "rye", "poetry", "pdm", "hatch", "mise")
_DOWNLOADERS = ("uvx", "uv", "pipx")
_PYTHON = re.compile(r"(python|pypy)[\d.]*w?|py")
_OF_A_SHELL = re.compile(r"[;&|<>`\n()]|\$\(")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_VERSION = re.compile(r"(?P<name>@?[\w./-]+?)(\[[\w,-]*\])?((@|==|>=|~=|<|>).*)?", re.DOTALL)
_SOURCES = ("--from", "--with", "--spec", "-p", "--python", "--index", "--package")
"""Options of runners with a value: a package there is not yet the program."""

_VALUED = ("--config", "--log-format", "--header", "--auth")
"""The options of `run` that take a value."""

_FLAGS = ("--debug", "--headless", "--ipv4", "--allow-http")
"""Its other options."""


class BridgeStart(msgspec.Struct, frozen=True):
    """An entry that starts this bridge, by its command line."""

    # `run`, or another command by mistake; "" if there is none.
    verb: str
    # The name or the URL of the server, "" if there is none.
    target: str
    # The values of `--header`, in which there may be secrets.
    headers: tuple[str, ...] = ()
    # The value of `--auth`, None without it.
    auth: str | None = None
    # The value of `--config`, "" without it.
    config: str = ""
    # Whether a runner may have to download the bridge first.
    downloads: bool = False


class OtherBridge(msgspec.Struct, frozen=True):
    """An entry that starts another bridge."""

    # Its name, from `OTHER_BRIDGES`.
    program: str
    # The first URL among its arguments, "" if there is none.
    url: str
    # All its arguments, in which there may be secrets.
    arguments: tuple[str, ...] = ()


def started(argv: Sequence[str]) -> BridgeStart | OtherBridge | None:
    """The known program that `argv` starts, through any shell, runner or interpreter; None for any other."""
    words = _unwrapped(tuple(argv))
    if not words:
        return None
    runner = base_name(words[0])
    rest = words[1:]
    if runner == NAME:
        return _command(rest, downloads=False)
    downloads = runner in _DOWNLOADERS
    if (downloads or _PYTHON.fullmatch(runner)) and ("-m", "mcp_auth_bridge") in pairwise(rest):
        return _command(rest[rest.index("mcp_auth_bridge") + 1 :], downloads=downloads)
    program, after = _run_by(runner, words)
    if program == NAME:
        return _command(after, downloads=downloads)
    url = next((word for word in after if re.match("https?://", word)), "")
    return OtherBridge(program, url, after) if program else None


def base_name(command: str) -> str:
    """The name of the program of `command`, without its folder and the endings that Windows has."""
    return re.sub(r"\.(exe|cmd|bat|ps1|js)$", "", re.split(r"[/\\]", command)[-1].lower())


def _unwrapped(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words that remain without `env`, assignments, and a shell around one simple command; () for a script."""
    while words:
        program = base_name(words[0])
        if program in _SHELLS and len(words) > 2 and re.fullmatch("-[a-z]*c", words[1]):
            words = _simple_command(words[2])
        elif program == "cmd" and len(words) > 2 and words[1].lower() in ("/c", "/k"):
            words = words[2:] if len(words) > 3 else _simple_command(words[2], posix=False)
        elif program in ("env", "exec", "command") or _ASSIGNMENT.fullmatch(words[0]):
            words = words[1:]
        elif program == "proxy" and "mcp-remote" in words[0]:  # `node …/mcp-remote/dist/proxy.js`
            return ("mcp-remote", *words[1:])
        elif program in ("node", "bun", "deno") and len(words) > 1:
            words = words[1:]
        else:
            return words
    return ()


def _simple_command(script: str, *, posix: bool = True) -> tuple[str, ...]:
    """The words of a shell's `script`, () if it does more than start one program."""
    if _OF_A_SHELL.search(script):
        return ()
    try:
        words = shlex.split(script, posix=posix)
    except ValueError:
        return ()
    return tuple(word.strip('"') for word in words)


def _run_by(runner: str, words: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The known program that a `runner` starts, or the known one that `words` begin with, "" for any other.

    The arguments of the program come with it.
    """
    if runner in OTHER_BRIDGES:
        return runner, tuple(words[1:])
    for number, (before, word) in enumerate(pairwise(words) if runner in _RUNNERS else (), 2):
        found = _VERSION.fullmatch(word)
        program = base_name(found["name"]) if found and before not in _SOURCES else ""
        if program in (NAME, *OTHER_BRIDGES):
            return program, tuple(words[number:])
    return "", ()


def _command(words: Sequence[str], *, downloads: bool) -> BridgeStart:
    """The bridge's command line, parsed leniently: the bridge itself says what is wrong with it."""
    values: dict[str, list[str]] = {}
    places: list[str] = []
    rest = iter(words)
    for word in rest:
        option, equals, value = word.partition("=")
        if (name := _option(option)) in _VALUED:
            values.setdefault(name, []).append(value if equals else next(rest, ""))
        elif word.startswith("-") and len(word) > 1:
            values.setdefault(name, [])
        else:
            places.append(word)
    verb, target, *_ = [*places, "", ""]
    return BridgeStart(
        verb,
        target,
        tuple(values.get("--header", ())),
        next(iter(values.get("--auth", ())), None),
        next(iter(values.get("--config", ())), ""),
        downloads,
    )


def _option(word: str) -> str:
    """The whole name of an option, which may be abbreviated, "" if it is not an option of `run`."""
    meant = [name for name in (*_VALUED, *_FLAGS) if name.startswith(word) and word.startswith("--")]
    return meant[0] if len(meant) == 1 else word if word in meant else ""
