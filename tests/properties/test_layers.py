"""The order of rooms in docs/architecture.md: imports only go down, and only `shell/` touches the outside world.

The test parses every module and imports none. If a module does something that its room may not, `EXCEPTIONS` gives the
reason.
"""

import ast
import sys
from functools import cache
from typing import NamedTuple

import pytest
from rooms import ORDER, PACKAGE, ROOT, SOURCES


def words(text):
    return frozenset(text.split())


RANKS = {room: rank for rank, rooms in enumerate(ORDER.split("<")) for room in rooms.split()}

PURE = words("""
    abc base64 binascii bisect codecs collections contextlib difflib enum functools hashlib hmac html ipaddress
    itertools json math re shlex string tomllib typing urllib.parse msgspec
""")
FILES = words("errno os pathlib stat")
STANDARD = frozenset(sys.stdlib_module_names)


class Uses(NamedTuple):
    """The foreign modules that a room may import at the top of a module, and those it may import only in functions."""

    eagerly: frozenset[str]
    lazily: frozenset[str] = frozenset()


USES = {
    **dict.fromkeys(
        words("errors secret urls effects http_syntax config relay clients catalogue reference"), Uses(PURE)
    ),
    "config": Uses(PURE, words("tomlkit")),
    "oauth": Uses(PURE, words("authlib jwt")),
    "clients": Uses(PURE, words("ruamel")),
    "stores": Uses(PURE | FILES | words("threading"), words("cryptography")),
    "credentials": Uses(PURE | words("asyncio")),
    "shell/console": Uses(STANDARD | words("msgspec rich")),  # `rich_*` alone, which only a terminal imports
    "shell/net": Uses(STANDARD | words("httptools msgspec"), words("httpx2 truststore")),
    "shell/files": Uses(STANDARD | words("msgspec"), words("filelock platformdirs")),
    "shell/fleet": Uses(STANDARD | words("msgspec"), words("redis")),
    "shell/browser": Uses(STANDARD | words("h11 msgspec"), words("jeepney")),
    "doctor": Uses(STANDARD - words("random secrets socket webbrowser") | words("anyio msgspec")),
    "demo": Uses(STANDARD | words("httpx2 msgspec mcp uvicorn starlette")),
}
"""A room that is not here may use the standard library and msgspec."""

SHELL = Uses(STANDARD | words("msgspec"))
ABOVE = Uses(SHELL.eagerly - words("random secrets socket webbrowser"))

# The capabilities of the shell alone, by the name under which `uses` finds them.
WORLD = words("print sys.stdout time random secrets os.urandom webbrowser socket asyncio")
# The capabilities that other rooms have.
GRANTED = {
    "credentials": words("asyncio"),  # one refresh or one run of a command serves all waiting tasks
    "demo": words(
        "asyncio time os.urandom socket print sys.stdout secrets random"
    ),  # has its own server, for users who try the bridge
    "app": words("asyncio time os.urandom"),  # passes clocks and randomness to the cores, which may not import them
    "doctor": words("time os.urandom"),  # compares clocks, measures how long a server takes, proves possession of a key
    "commands": words("asyncio time os.urandom"),  # waits for users and processes, and says how long a login is valid
}

EXCEPTIONS = {
    ("config.config_file", "pathlib"): "reads its file, which is not secret and is known before anything else",
    ("oauth.time_words", "datetime"): "writes the date of a moment, which is pure",
    ("credentials.command_token", "datetime"): "reads the date of a moment, which is pure",
    ("credentials.secret_sources", "os"): "reads a secret from the file that the configuration names",
    ("credentials.secret_sources", "stat"): "as above",
    ("stores.os_keyring", "importlib"): "imports one keyring backend by its name and searches for none",
    ("stores.os_keyring", "sys"): "chooses the backend by platform",
    (
        "oauth.dpop",
        "cryptography.hazmat.primitives.asymmetric.ec",
    ): "makes a private key of given entropy: PyJWT does not",
    ("oauth.assertions", "cryptography.exceptions"): "reads a private key: PyJWT's errors would quote its text",
    ("oauth.assertions", "cryptography.hazmat.primitives.serialization"): "as above",
    ("oauth.assertions", "cryptography.hazmat.primitives.asymmetric.ec"): "as above",
    ("oauth.assertions", "cryptography.hazmat.primitives.asymmetric.ed25519"): "as above",
    ("oauth.assertions", "cryptography.hazmat.primitives.asymmetric.rsa"): "as above",
    ("shell.net.certificates", "cryptography"): "reads certificates; only `doctor` imports it",
    ("shell.net.certificates", "cryptography.x509.oid"): "as above",
    ("http_syntax", "email.utils"): "knows the dates of HTTP, which is pure",
}


class Use(NamedTuple):
    name: str
    line: int
    lazy: bool


def is_module(dotted):
    path = ROOT.parent.joinpath(*dotted.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def imported(node):
    """The modules that an import statement names: `from package import module` names the module."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    assert node.level == 0, "imports are absolute"
    inner = [f"{node.module}.{alias.name}" for alias in node.names]
    if node.module.partition(".")[0] == PACKAGE:
        return [name if is_module(name) else node.module for name in inner]
    return [name if name in WORLD or name in PURE else node.module for name in inner]


@cache
def uses(source):
    """Every import, call of `print` and `open`, and attribute such as `os.urandom`."""

    def visit(node, *, lazy):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (Use(name, node.lineno, lazy) for name in imported(node))
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield from (Use(name, node.lineno, lazy) for name in WORLD & {f"{node.value.id}.{node.attr}"})
        elif isinstance(node, ast.Name) and node.id in ("print", "open"):
            yield Use(node.id, node.lineno, lazy)
        function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for_types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, lazy=lazy or function or for_types)

    return [*visit(ast.parse(source), lazy=False)]


def room_of(module):
    """`shell/net` for `shell.net.pool`, `shell/run_flow` for `shell.run_flow`, `oauth` for `oauth.login`."""
    parts = module.split(".")
    return "/".join(parts[:2]) if parts[0] == "shell" else parts[0]


def own_import_is_fine(module, target):
    """Whether the import is from an earlier room or from the same one."""
    if target == PACKAGE:
        return True  # its version
    here, there = room_of(module), room_of(target.removeprefix(f"{PACKAGE}."))
    return here == there or RANKS.get(there, len(RANKS)) < RANKS[here]


def foreign_use_is_fine(room, use):
    in_shell = room.startswith("shell")
    if use.name in WORLD:
        return (in_shell and use.name != "print") or use.name in GRANTED.get(room, ())
    allowed = USES.get(room, SHELL if in_shell else ABOVE)
    names = allowed.eagerly | (allowed.lazily if use.lazy else frozenset())
    root = use.name.partition(".")[0]
    if use.name == "open":
        return "io" in names and not in_shell
    return use.name in names or (root in names and (root != "urllib" or "io" in names))


def is_fine(module, use):
    if use.name.partition(".")[0] == PACKAGE:
        return own_import_is_fine(module, use.name)
    return foreign_use_is_fine(room_of(module), use)


def breaches(module, source):
    """The uses of `module` that its room does not allow."""
    return [use for use in uses(source) if not is_fine(module, use)]


@pytest.mark.parametrize("module", [module for module in SOURCES if module])
def test_a_module_uses_only_what_its_room_allows(module):
    source = SOURCES[module].read_text()
    if SOURCES[module].name == "__init__.py":
        assert breaches(f"{module}.__init__", source) == []
        return
    assert room_of(module) in RANKS, f"{module} is not in a room: see docs/architecture.md"
    assert [use for use in breaches(module, source) if (module, use.name) not in EXCEPTIONS] == []


def test_only_the_demo_command_imports_the_demo():
    knowing = {
        other
        for other, path in SOURCES.items()
        for use in uses(path.read_text())
        if use.name.startswith(f"{PACKAGE}.demo") and not other.startswith("demo")
    }
    assert knowing == {"commands.demo"}


def test_every_exception_is_still_needed():
    needed = {
        (module, use.name)
        for module, path in SOURCES.items()
        if room_of(module) in RANKS
        for use in breaches(module, path.read_text())
    }
    assert set(EXCEPTIONS) - needed == set()


def test_no_modules_import_each_other_in_a_circle_at_load_time():
    above = {
        module: {
            use.name.removeprefix(f"{PACKAGE}.")
            for use in uses(path.read_text())
            if use.name.startswith(f"{PACKAGE}.") and not use.lazy
        }
        for module, path in SOURCES.items()
    }
    while leaves := [module for module, known in above.items() if not known & above.keys()]:
        for module in leaves:
            del above[module]
    assert above == {}


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("relay.x", "import asyncio"),
        ("relay.x", "import time"),
        ("relay.x", "from time import time"),
        ("relay.x", "import os"),
        ("relay.x", "import logging"),
        ("relay.x", "import random"),
        ("relay.x", "def f():\n    import secrets"),
        ("relay.x", "print('x')"),
        ("relay.x", "import h11"),
        ("relay.x", "import urllib.request"),
        ("relay.x", "from urllib import request"),
        ("relay.x", "open('x')"),
        ("relay.x", "from mcp_auth_bridge.shell.console import terminal"),
        ("relay.x", "from mcp_auth_bridge.oauth import session"),
        ("relay.x", "from mcp_auth_bridge.oauth.session import Session"),
        ("relay.x", "def f():\n    from mcp_auth_bridge.app import bridge"),
        ("relay.x", "import mcp_auth_bridge.stores.base"),
        ("oauth.x", "import jwt"),
        ("oauth.x", "def f():\n    import requests"),
        ("errors", "from mcp_auth_bridge.relay.base import Message"),
        ("stores.x", "from os import urandom"),
        ("stores.x", "import cryptography"),
        ("stores.x", "from mcp_auth_bridge.credentials.base import Credentials"),
        ("shell.net.x", "print('x')"),
        ("shell.net.x", "import httpx2"),
        ("shell.net.x", "import anyio"),
        ("shell.files.x", "def f():\n    import httpx2"),
        ("shell.run_flow", "from mcp_auth_bridge.commands import run"),
        ("shell.net.x", "from mcp_auth_bridge.app import bridge"),
        ("shell.console.x", "from mcp_auth_bridge.shell.net import dns"),
        ("shell.browser.x", "from mcp_auth_bridge.shell.transports import remote"),
        ("shell.transports.x", "from mcp_auth_bridge.shell import run_flow"),
        ("app.x", "from mcp_auth_bridge.commands import run"),
        ("commands.x", "import sys\nsys.stdout.write('x')"),
        ("commands.x", "from sys import stdout"),
        ("cli.x", "import os\nos.urandom(5)"),
        ("commands.x", "import webbrowser"),
        ("newroom.x", "from mcp_auth_bridge.newroom import y"),
    ],
)
def test_the_table_forbids_other_uses(module, source):
    assert room_of(module) not in RANKS or breaches(module, source)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("relay.x", "from urllib.parse import quote"),
        ("relay.x", "from collections.abc import Iterator"),
        ("relay.x", "from mcp_auth_bridge import __version__"),
        ("relay.x", "from mcp_auth_bridge.relay import replies"),
        ("oauth.x", "def f():\n    import jwt"),
        ("credentials.x", "from mcp_auth_bridge.oauth.session import Session"),
        ("shell.net.x", "import asyncio, socket, time, os\nos.urandom(5)"),
        ("shell.net.x", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import httpx2"),
        ("commands.x", "from mcp_auth_bridge.app import bridge"),
    ],
)
def test_the_table_allows_the_listed_uses(module, source):
    assert breaches(module, source) == []
