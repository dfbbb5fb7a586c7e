"""A program that starts MCP servers by itself: its configuration files, and how it starts what stands in them."""

import enum
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec


class Format(enum.Enum):
    """The syntax of a configuration file."""

    JSON = "JSON"
    """Strict: with one comment in it, the client loads no server at all."""

    JSONC = "JSON with comments"
    """Also where it is not known whether the client accepts comments."""

    TOML = "TOML"

    YAML = "YAML"


class Place(enum.Enum):
    """The folder in which a configuration file stands."""

    HOME = "home"
    """The user's home folder, on every system."""

    APPLICATIONS = "applications"
    """The folder for the settings of applications: `~/.config`, `~/Library/Application Support`, `%APPDATA%`."""

    LOCAL = "local"
    """`%LOCALAPPDATA%`, on Windows only."""

    WORKSPACE = "workspace"
    """The folder of a project: the current folder."""


class Platform(enum.Enum):
    """An operating system, by its `sys.platform`."""

    LINUX = "linux"
    MACOS = "darwin"
    WINDOWS = "win32"


_EVERYWHERE = tuple(Platform)


class ConfigFile(msgspec.Struct, frozen=True):
    """One configuration file of a client."""

    # The folder that `path` is in.
    place: Place
    # Relative, with slashes. The last part may be `*.json`.
    path: str
    # Each is the path of keys to one table of servers; `*` stands for any key.
    tables: tuple[tuple[str, ...], ...] = (("mcpServers",),)
    # Its syntax.
    format: Format = Format.JSONC
    # The systems on which the client reads it.
    platforms: tuple[Platform, ...] = _EVERYWHERE
    # An environment variable with a folder in which the file stands instead, by its last part; "" if there is none.
    variable: str = ""


class Launch(enum.Enum):
    """The environment from which a client starts a server."""

    TERMINAL = "terminal"
    """A program for the terminal, which passes on all that it has."""

    ALLOWED = "allowed"
    """A program for the terminal, which passes on only a few variables."""

    SCREENED = "screened"
    """A program for the terminal, which passes on no variable that has the name of a secret."""

    DESKTOP = "desktop"
    """A program that a dock or a menu starts: it has none of the variables, and not the PATH, of the user's shell."""

    SHELL = "shell"
    """As `DESKTOP`, but it asks the user's shell for its variables first."""


class Expansion(enum.Enum):
    """A form of variable that a client replaces with its value before it starts a server."""

    BRACES = r"\$\{(?P<name>[A-Za-z_]\w*)(?::-(?P<default>[^}]*))?\}"
    """`${NAME}` and `${NAME:-DEFAULT}`."""

    DOLLAR = r"\$(?P<name>[A-Za-z_]\w*)"
    """`$NAME`."""

    EDITOR = r"\$\{env:(?P<name>[A-Za-z_]\w*)\}"
    """`${env:NAME}`, with `${userHome}` and `${workspaceFolder}`."""

    TILDE = r"^~(?=[/\\])"
    """`~` at the beginning, for the home folder."""

    PLAIN = r"(?<!\$)\{env:(?P<name>[A-Za-z_]\w*)\}"
    """`{env:NAME}`."""


class Client(msgspec.Struct, frozen=True):
    """The facts about one client. `known_clients.py` has all of them."""

    # The name for the user.
    name: str
    # Where it reads its servers.
    files: tuple[ConfigFile, ...]
    # The environment of the servers that it starts.
    launch: Launch
    # The forms of variables that it expands in a command, its arguments and its environment.
    expands: tuple[Expansion, ...]
    # What the user has to do after a change of the file, as the end of a sentence.
    reload: str
    # The name in the `clientInfo` of its `initialize`.
    info: str
    # The revision of MCP that it asks for.
    revision: str = "2025-11-25"
    # The capabilities that it declares. Any: JSON.
    capabilities: Mapping[str, Any] = {}
    # Seconds that it waits for the reply to `initialize`, None where it was neither measured nor reported.
    patience: float | None = None


class System(msgspec.Struct, frozen=True):
    """The machine whose files are meant: as far as the places of the files depend on it."""

    # Its operating system.
    platform: Platform
    # The user's home folder, with slashes; "" for a user without one.
    home: str
    # The folder of a project, with slashes; "" if there is none.
    workspace: str
    # The environment variables.
    environ: Mapping[str, str]


def locate(file: ConfigFile, system: System) -> Iterator[str]:
    """The paths at which `file` may be on `system`, with slashes; none on a system where it does not exist."""
    if system.platform not in file.platforms:
        return
    if file.variable and (moved := _folder_in(file.variable, system)):
        yield f"{moved}/{file.path.rpartition('/')[2]}"
        return
    if folder := _folder(file.place, system):
        yield f"{folder}/{file.path}"


def _folder(place: Place, system: System) -> str:
    """The folder of `place` on `system`, "" if there is none."""
    match place, system.platform:
        case Place.WORKSPACE, _:
            return system.workspace
        case Place.APPLICATIONS, Platform.LINUX if configured := _folder_in("XDG_CONFIG_HOME", system):
            return configured
        case Place.APPLICATIONS, Platform.WINDOWS if roaming := _folder_in("APPDATA", system):
            return roaming
        case Place.LOCAL, _ if local := _folder_in("LOCALAPPDATA", system):
            return local
    return f"{system.home}{_BELOW_HOME.get((place, system.platform), '')}" if system.home else ""


def _folder_in(variable: str, system: System) -> str:
    """The folder that `variable` names, "" for none.

    A relative path is none (XDG Base Directory Specification): it would lead into a project that may be hostile.
    """
    folder = system.environ.get(variable, "")
    return folder if is_absolute(folder) else ""


def is_absolute(path: str) -> bool:
    """Whether `path` is absolute on any system: it begins with a slash, a drive or the name of a computer."""
    return path.startswith(("/", "\\\\")) or path[1:3] in (":/", ":\\")


_BELOW_HOME = {
    (Place.APPLICATIONS, Platform.LINUX): "/.config",
    (Place.APPLICATIONS, Platform.MACOS): "/Library/Application Support",
    (Place.APPLICATIONS, Platform.WINDOWS): "/AppData/Roaming",
    (Place.LOCAL, Platform.WINDOWS): "/AppData/Local",
}
"""Where a place is if no variable names it."""
