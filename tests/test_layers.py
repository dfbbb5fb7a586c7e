"""The table of layers in docs/architecture.md: imports go down only, and the world is touched in `shell/` alone.

Every module is parsed, none is imported. Where a module does what its layer may not, the reason stands in `EXCEPTIONS`.
"""

import ast
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = "mcp_auth_bridge"
ROOT = Path(__file__).parents[1] / PACKAGE


class Layer(NamedTuple):
    """`rooms` are modules or packages. `eagerly` and `lazily` are what they may import from elsewhere, the latter in
    functions (or for the type checker) only; "*" is everything.
    """

    rooms: frozenset[str]
    eagerly: frozenset[str]
    lazily: frozenset[str] = frozenset()


def words(text):
    return frozenset(text.split())


PURE = words("""
    abc base64 binascii bisect codecs collections contextlib difflib enum functools hashlib hmac html ipaddress
    itertools json math re string typing urllib.parse msgspec
""")

LAYERS = [
    Layer(
        words("""
            errors remarks secret urls effects config tables header_fields auth_settings login_settings machine_settings
            network_settings redis_settings relay_settings store_settings suggestion toml
        """),
        PURE,
    ),
    Layer(words("oauth relay"), PURE, words("authlib jwt")),
    Layer(words("credentials stores"), PURE, words("cryptography")),
    Layer(words("shell"), words("* h11 msgspec"), words("httpx2 filelock platformdirs redis truststore")),
    Layer(
        words("""
            wiring world vault choosing relays profile_secrets machines refresh_process commands demo cli manual options
            parsers __main__
        """),
        words("*"),
        words("*"),
    ),
]

# What only the shell may do, by the name under which `uses` finds it.
WORLD = words("print sys.stdout time random secrets os.urandom webbrowser socket asyncio")

EXCEPTIONS = {
    ("config", "pathlib"): "it reads its file, which is no secret and known before anything else",
    ("toml", "tomllib"): "reads a text, which is pure",
    ("config", "shlex"): "splits a command into words, which is pure",
    ("credentials.oauth", "asyncio"): "its Lock and Future: one refresh for everybody who waits",
    ("credentials.kept", "asyncio"): "its Lock: the store is asked one question after the other",
    ("credentials.kept", "mcp_auth_bridge.stores.base"): "the contract under which a login is kept, not a store",
    ("credentials.exchange", "mcp_auth_bridge.stores.base"): "as above",
    ("credentials.obtaining", "mcp_auth_bridge.stores.base"): "as above",
    ("credentials.world", "mcp_auth_bridge.stores.base"): "as above",
    ("credentials.exchange", "asyncio"): "waits for a rotation that is under way",
    ("credentials.diagnosis", "datetime"): "writes the date of a moment, which is pure",
    ("oauth.claims", "datetime"): "as above",
    ("credentials.printed", "datetime"): "reads the date of a moment, which is pure",
    ("credentials.sources", "os"): "reads a secret from the file that the configuration names",
    ("credentials.sources", "stat"): "as above",
    ("credentials.sources", "mcp_auth_bridge.stores.folder"): "as above",
    ("credentials.minted", "asyncio"): "one run of a command for everybody who waits",
    (
        "credentials.minted",
        "mcp_auth_bridge.stores.base",
    ): "the contract of the store that its tokens are shared through",
    ("credentials.values", "asyncio"): "its Lock: one question to the keyring for everybody who waits",
    ("secret", "shlex"): "splits a command into words, which is pure",
    ("stores.folder", "errno"): "records are files",
    ("stores.folder", "os"): "records are files",
    ("stores.folder", "pathlib"): "records are files",
    ("stores.folder", "stat"): "records are files",
    ("stores.sealed", "os"): "records are files",
    ("stores.sealed", "pathlib"): "records are files",
    ("stores.seal", "threading"): "one process reads and writes its records from several threads",
    ("stores.redis", "threading"): "as above",
    ("stores.keys", "os"): "a sealing key may lie in a file",
    ("stores.keys", "pathlib"): "as above",
    ("stores.keys", "stat"): "as above",
    ("stores.os_keyring", "importlib"): "one keyring backend is imported by its name, none is searched for",
    ("stores.os_keyring", "os"): "looks for the session bus where a desktop has it",
    ("stores.os_keyring", "pathlib"): "as above",
    ("stores.os_keyring", "sys"): "the backend is chosen by platform",
    ("vault", "asyncio"): "a Lock around the opening of the store",
    ("vault", "os.urandom"): "handed down to the stores, which may not take it themselves",
    ("wiring", "os.urandom"): "handed down to the flows, which may not take it themselves",
    ("wiring", "time"): "the clock that is handed down",
    ("refresh_process", "asyncio"): "waits between two attempts to store a login",
    ("refresh_process", "time"): "the clocks that are handed down",
    ("refresh_process", "os.urandom"): "handed down to the flows, which may not take it themselves",
    ("profile_secrets", "time"): "as above",
    ("commands.ask", "asyncio"): "a server that does not say goodbye is not waited for",
    ("commands.on_demand", "asyncio"): "waits for other processes, for a tab and for a person, whichever comes first",
    ("commands.run", "asyncio"): "the end of a relay is a race between its client, a signal and a deadline",
    ("commands.login", "time"): "says for how long a login is good",
    ("commands.status", "time"): "says for how long a login is still good",
    ("commands.key", "os.urandom"): "makes the key of this machine",
    ("commands.transfer", "os.urandom"): "hands the sealed file its randomness",
    ("commands.token", "time"): "says why a login is over",
    ("commands.transfer", "time"): "as above",
    ("commands.demo", "os.urandom"): "hands the demo its randomness",
    ("commands.demo", "time"): "hands the demo its clock",
    (
        "oauth.dpop",
        "cryptography.hazmat.primitives.asymmetric.ec",
    ): "a private key is made of given entropy, which is pure and no part of PyJWT",
    ("oauth.assertions", "cryptography.exceptions"): "reads a private key, whose text PyJWT's errors would quote",
    ("oauth.assertions", "cryptography.hazmat.primitives.serialization"): "as above",
    ("oauth.assertions", "cryptography.hazmat.primitives.asymmetric.ec"): "as above",
    ("oauth.assertions", "cryptography.hazmat.primitives.asymmetric.ed25519"): "as above",
    ("oauth.assertions", "cryptography.hazmat.primitives.asymmetric.rsa"): "as above",
    ("errors", "shlex"): "quotes for a shell what a hint tells people to run, which is pure",
    (
        "oauth.documents",
        "mcp_auth_bridge.relay.http_semantics",
    ): "`Retry-After` is read in one place: it is HTTP's, not MCP's",
    ("relay.http_rules", "email.utils"): "knows the dates of HTTP, which is pure",
}


class Use(NamedTuple):
    name: str
    line: int
    lazy: bool


def modules():
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(part for part in parts if part != "__init__"), path


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


def layer_of(module):
    room = module.partition(".")[0]
    return next((number for number, layer in enumerate(LAYERS) if room in layer.rooms), None)


def own_import_is_fine(module, target):
    """Down, or within one room; layer 0 is one room, and so is the top."""
    if target == PACKAGE:
        return True  # its version
    here, there = layer_of(module), layer_of(target.removeprefix(f"{PACKAGE}."))
    same_room = module.partition(".")[0] == target.split(".")[1]
    return there is not None and (there < here or (there == here and (same_room or here in (0, len(LAYERS) - 1))))


def foreign_use_is_fine(layer, use):
    root = use.name.partition(".")[0]
    in_shell = "shell" in layer.rooms
    if use.name in WORLD or use.name == "open":
        return (in_shell and use.name not in ("print", "open")) or (use.name == "open" and "*" in layer.eagerly)
    allowed = layer.eagerly | (layer.lazily if use.lazy else frozenset())
    if root in sys.stdlib_module_names:
        return "*" in layer.eagerly or use.name in allowed or (root in allowed and root != "urllib")
    return root in allowed or "*" in layer.lazily


def is_fine(module, use):
    if use.name.partition(".")[0] == PACKAGE:
        return own_import_is_fine(module, use.name)
    return foreign_use_is_fine(LAYERS[layer_of(module)], use)


def breaches(module, source):
    """What `module` uses and its layer may not."""
    return [use for use in uses(source) if not is_fine(module, use)]


SOURCES = dict(modules())


@pytest.mark.parametrize("module", [module for module in SOURCES if module and not module.startswith("demo")])
def test_a_module_uses_only_what_its_layer_may(module):
    if SOURCES[module].name == "__init__.py":
        assert breaches(f"{module}.__init__", SOURCES[module].read_text()) == []
        return
    assert layer_of(module) is not None, f"{module} is in no layer: see docs/architecture.md"
    found = breaches(module, SOURCES[module].read_text())
    assert [use for use in found if (module, use.name) not in EXCEPTIONS] == []


@pytest.mark.parametrize("module", [module for module in SOURCES if module.startswith("demo.")])
def test_the_demo_is_at_the_top_and_nothing_but_its_command_knows_it(module):
    used = uses(SOURCES[module].read_text())
    assert all(own_import_is_fine(module, use.name) for use in used if use.name.startswith(PACKAGE))
    knowing = {
        other
        for other, path in SOURCES.items()
        for use in uses(path.read_text())
        if use.name.startswith(f"{PACKAGE}.demo") and not other.startswith("demo")
    }
    assert knowing == {"commands.demo"}


def test_every_exception_still_exists():
    needed = {
        (module, use.name)
        for module, path in SOURCES.items()
        if layer_of(module) is not None and not module.startswith("demo")
        for use in breaches(module, path.read_text())
    }
    assert set(EXCEPTIONS) - needed == set()


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
        ("relay.x", "from mcp_auth_bridge.shell import terminal"),
        ("relay.x", "from mcp_auth_bridge.oauth import session"),
        ("relay.x", "from mcp_auth_bridge.oauth.session import Session"),
        ("relay.x", "def f():\n    from mcp_auth_bridge import wiring"),
        ("relay.x", "import mcp_auth_bridge.stores.base"),
        ("oauth.x", "import jwt"),
        ("oauth.x", "def f():\n    import requests"),
        ("errors", "from mcp_auth_bridge.relay.base import Message"),
        ("stores.x", "from os import urandom"),
        ("stores.x", "import cryptography"),
        ("stores.x", "from mcp_auth_bridge.credentials.base import Credentials"),
        ("shell.x", "print('x')"),
        ("shell.x", "import httpx2"),
        ("shell.x", "import anyio"),
        ("shell.x", "from mcp_auth_bridge.commands import run"),
        ("shell.x", "from mcp_auth_bridge import wiring"),
        ("commands.x", "import sys\nsys.stdout.write('x')"),
        ("commands.x", "from sys import stdout"),
        ("commands.x", "import os\nos.urandom(5)"),
        ("commands.x", "import webbrowser"),
        ("newroom.x", "from mcp_auth_bridge.newroom import y"),
    ],
)
def test_the_table_is_enforced(module, source):
    assert layer_of(module) is None or breaches(module, source)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("relay.x", "from urllib.parse import quote"),
        ("relay.x", "from collections.abc import Iterator"),
        ("relay.x", "from mcp_auth_bridge import __version__"),
        ("relay.x", "from mcp_auth_bridge.relay import answers"),
        ("oauth.x", "def f():\n    import jwt"),
        ("credentials.x", "from mcp_auth_bridge.oauth.session import Session"),
        ("shell.x", "import asyncio, socket, time, os\nos.urandom(5)"),
        ("shell.x", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import httpx2"),
        ("commands.x", "from mcp_auth_bridge import wiring"),
    ],
)
def test_the_table_allows_what_it_says(module, source):
    assert breaches(module, source) == []
