"""Generates the pages of docs/clients/ from the data of `clients/`.

uv run python tests/support/client_pages.py
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from mcp_auth_bridge.clients.client import ConfigFile, Format, Launch, Platform, System, locate
from mcp_auth_bridge.clients.editing import set_value
from mcp_auth_bridge.clients.entry_form import Scope, StartCommand, Target, write_entry
from mcp_auth_bridge.clients.targets import TARGETS

FOLDER = Path(__file__).parents[2] / "docs" / "clients"
PROGRAM = "/home/mia/.local/bin/mcp-auth-bridge"


class Quirk(msgspec.Struct, frozen=True):
    """A habit of a client that a user of the bridge meets."""

    # As one or more sentences.
    says: str
    # The page, thread or run that shows it, with its date.
    source: str


class Page(msgspec.Struct, frozen=True):
    """One page."""

    # Its heading.
    title: str
    # The clients on it, by the names that `install` takes.
    keys: tuple[str, ...]
    # What to know about them.
    quirks: tuple[Quirk, ...] = ()


_KIRO = "https://github.com/kirodotdev/Kiro/issues"
_RUN = "a run on Linux, 2026-11-30"

PAGES = {
    "kiro": Page(
        "Kiro",
        ("kiro", "kiro-cli"),
        (
            Quirk(
                "The IDE, the CLI and each power start a copy of the server. All of them share one login.",
                f"[Kiro 7991]({_KIRO}/7991), read 2026-11-30",
            ),
            Quirk(
                "Started from the dock, the IDE has a short `PATH`. The entry therefore has the full path.",
                f"[Kiro 1850]({_KIRO}/1850), read 2026-11-30",
            ),
            Quirk(
                "In the mode that allows only servers from a registry, Kiro starts no local server, and so no bridge.",
                f"[Kiro 9249]({_KIRO}/9249), read 2026-11-30",
            ),
        ),
    ),
    "claude-desktop": Page(
        "Claude Desktop",
        ("claude-desktop",),
        (
            Quirk(
                "Its connectors reach servers from its vendor's cloud. One in your own network needs a command.",
                "[claude-code 63266](https://github.com/anthropics/claude-code/issues/63266), read 2026-11-30",
            ),
        ),
    ),
    "claude-code": Page(
        "Claude Code",
        ("claude-code",),
        (
            Quirk(
                "Its file is strict JSON, and it often rewrites it. End its sessions before you edit it by hand.",
                _RUN,
            ),
            Quirk("`claude mcp list` starts each server and ends it at once. The bridge bears that.", _RUN),
        ),
    ),
    "cursor": Page(
        "Cursor",
        ("cursor",),
        (
            Quirk(
                "It may start one server twice at the same moment. Both copies share one login.",
                "[microsoft/mcp 1045](https://github.com/microsoft/mcp/issues/1045), read 2026-11-30",
            ),
        ),
    ),
    "vscode": Page("VS Code", ("vscode", "vscode-insiders")),
    "windsurf": Page("Windsurf", ("windsurf",)),
    "zed": Page("Zed", ("zed",)),
    "codex": Page(
        "Codex",
        ("codex",),
        (
            Quirk("It refuses the whole file if an entry has an unknown key.", _RUN),
            Quirk("It passes on few variables. The entry names those for a keyring, a browser and a proxy.", _RUN),
        ),
    ),
    "gemini": Page(
        "Gemini CLI",
        ("gemini",),
        (Quirk("In a folder that it does not trust, it starts no server, not even those of the user.", _RUN),),
    ),
    "copilot": Page("Copilot CLI", ("copilot",)),
    "opencode": Page("opencode", ("opencode",)),
    "cline": Page("Cline", ("cline",)),
    "goose": Page("Goose", ("goose",)),
    "jetbrains": Page(
        "JetBrains",
        ("junie", "jetbrains-copilot"),
        (
            Quirk(
                "AI Assistant has no file. Paste the entry that `login` prints in its settings, under MCP.",
                "JetBrains AI Assistant's documentation, read 2026-11-30",
            ),
        ),
    ),
    "lm-studio": Page("LM Studio", ("lm-studio",)),
    "amp": Page("Amp", ("amp",)),
    "antigravity": Page("Antigravity", ("antigravity",)),
    "roo": Page("Roo Code", ("roo",)),
    "visual-studio": Page("Visual Studio", ("visual-studio",)),
    "warp": Page("Warp", ("warp",)),
}

_SYSTEMS = {
    "Linux": System(Platform.LINUX, "~", ".", {}),
    "macOS": System(Platform.MACOS, "~", ".", {}),
    "Windows": System(Platform.WINDOWS, "%USERPROFILE%", ".", {}),
}
_ENVIRONMENT = {
    Launch.TERMINAL: "A server gets all variables of your shell.",
    Launch.ALLOWED: "A server gets only a few variables of your shell.",
    Launch.SCREENED: "A server gets no variable that has the name of a secret.",
    Launch.DESKTOP: "A server gets neither the variables nor the `PATH` of your shell.",
    Launch.SHELL: "A server gets the variables of your login shell.",
}


def pages() -> dict[str, str]:
    """The complete text of each page, by its file name."""
    return {"index.md": _index(), **{f"{name}.md": _page(page) for name, page in PAGES.items()}}


def entry(target: Target) -> str:
    """The file of `target` with the entry alone."""
    file = target.user[0]
    table, form = list(target.forms.items())[-1]
    value = write_entry(form, "acme", StartCommand((PROGRAM, "run", "acme")), target.client)
    if file.format in (Format.TOML, Format.YAML):
        return set_value("", file.format, (*table, "acme"), value).text
    nested: Any = {"acme": value}
    for key in reversed(table):
        nested = {key: nested}
    return json.dumps(nested, indent=2) + "\n"


def _index() -> str:
    rows = "\n".join(
        f"| [{page.title}]({name}.md) | {', '.join(f'`{key}`' for key in page.keys)} |" for name, page in PAGES.items()
    )
    return f"""\
# The clients

`tests/support/client_pages.py` generates these pages from the data of `mcp_auth_bridge/clients/`, and a test compares
them. [Installing](../install.md) says what happens to a file; [a table](../clients.md) has runs of real clients.

| client | its name for `install` |
| --- | --- |
{rows}
"""


def _page(page: Page) -> str:
    return "\n".join([f"# {page.title}\n", *_targets(page), *_known(page)])


def _targets(page: Page) -> Iterator[str]:
    for key in page.keys:
        if len(page.keys) > 1:
            yield f"## {TARGETS[key].client.name} (`{key}`)\n"
        yield from _target(TARGETS[key])


def _target(target: Target) -> Iterator[str]:
    yield "<!-- not run: needs the client and a server -->"
    yield f"```sh\nmcp-auth-bridge install {target.key} acme\nmcp-auth-bridge uninstall {target.key} acme\n```\n"
    yield f"Afterwards: {target.next_step(Scope.USER)}.\n"
    yield "| system | file of the user |\n| --- | --- |"
    for name, system in _SYSTEMS.items():
        if paths := _paths(target.user, system):
            yield f"| {name} | {paths} |"
    if paths := _paths(target.workspace, _SYSTEMS["Linux"]):
        told = f"\nWith `--workspace`: {paths}."
        yield f"{told} Afterwards: {target.next_step(Scope.WORKSPACE)}."
    yield f"\nBy hand ({target.user[0].format.value}):\n"
    language = "json" if target.user[0].format in (Format.JSON, Format.JSONC) else target.user[0].format.value.lower()
    yield f"<!-- entry -->\n```{language}\n{entry(target)}```\n"
    yield f"{_ENVIRONMENT[target.client.launch]}{_patience(target)}\n"
    yield f"Source: {target.source}.\n"


def _patience(target: Target) -> str:
    seconds = target.client.patience
    return f" The client waits {seconds:g} s for the reply to `initialize`." if seconds else ""


def _paths(files: tuple[ConfigFile, ...], system: System) -> str:
    found = [path for file in files for path in locate(file, system)]
    if system.platform is Platform.WINDOWS:
        found = [_windows(path) for path in found]
    return ", else ".join(f"`{path.removeprefix('./')}`" for path in found)


def _windows(path: str) -> str:
    for folder, variable in (("Roaming", "%APPDATA%"), ("Local", "%LOCALAPPDATA%")):
        path = path.replace(f"%USERPROFILE%/AppData/{folder}", variable)
    return path.replace("/", "\\")


def _known(page: Page) -> Iterator[str]:
    if page.quirks:
        yield "## Good to know\n"
        yield from (f"- {quirk.says} ({quirk.source})" for quirk in page.quirks)
        yield ""


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text)
