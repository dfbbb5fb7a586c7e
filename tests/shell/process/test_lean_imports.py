"""argparse, asyncio and msgspec without what they seldom use, in a process of its own: this one has imported all."""

import subprocess
import sys

import msgspec
import pytest
import trustme

from mcp_auth_bridge.shell.process import lean_imports


def printed_by(code):
    code = f"import sys\nfrom mcp_auth_bridge.shell.process import lean_imports\n{code}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_argparse_comes_without_translations_and_says_its_errors_in_english():
    code = """
lean_imports.load_argparse()
import argparse
print("gettext" in sys.modules)
parser = argparse.ArgumentParser(prog="p", exit_on_error=False)
parser.add_argument("--number", type=int)
parser.add_argument("word")
for words in (["--number", "x"], []):
    try:
        parser.parse_args(words)
    except (argparse.ArgumentError, SystemExit) as error:
        print(error)
print(argparse.ngettext("one", "many", 1), argparse.ngettext("one", "many", 2), "gettext" in sys.modules)
"""
    printed = printed_by(code)
    assert printed[0] == "False"
    assert " ".join(printed[1:-4]).startswith("argument --number: invalid int value: 'x'")
    assert printed[-3:] == ["one", "many", "False"]


def test_asyncio_comes_alone_and_has_the_rest_when_it_uses_it():
    code = """
lean_imports.load_asyncio()
import asyncio
seldom = ("inspect", "tokenize", "locale")
print([name for name in seldom if name in sys.modules])
async def story(): ...
print(asyncio.iscoroutinefunction(story), asyncio.iscoroutinefunction(print))
asyncio.run(story())
import inspect
print(inspect.__name__, inspect is sys.modules["inspect"], inspect.iscoroutinefunction(story), type(inspect).__name__)
"""
    assert printed_by(code) == ["[]", "True", "False", "inspect", "True", "True", "module"]


def test_an_import_after_that_gets_the_module_itself():
    code = """
lean_imports.load_asyncio()
import inspect
from linecache import getline
print(type(inspect).__name__, inspect.isclass(int), getline.__module__)
"""
    assert printed_by(code) == ["module", "True", "linecache"]


def test_msgspec_comes_alone_and_reads_structs():
    code = """
from typing import NotRequired, TypedDict
lean_imports.load_msgspec()
import msgspec
class Point(msgspec.Struct):
    x: "int | None" = None
class Named(TypedDict):
    name: NotRequired[str]
seldom = ("typing_extensions", "platform", "textwrap", "msgspec.inspect", "msgspec.toml")
print([name for name in seldom if name in sys.modules])
print(msgspec.json.decode(b'{"x":1}', type=Point).x, msgspec.convert({}, Named))
print(msgspec.inspect.type_info(Point).cls.__name__, msgspec.json.schema(Point)["$ref"])
"""
    assert printed_by(code) == ["[]", "1", "{}", "Point", "#/$defs/Point"]


def test_uuid_still_knows_the_system():
    code = """
lean_imports.load_msgspec()
import platform, uuid
print(uuid._LINUX == (platform.system() == "Linux"), type(platform).__name__)
"""
    assert printed_by(code) == ["True", "module"]


def test_other_modules_may_import_typing_extensions_afterwards():
    assert printed_by("""
lean_imports.load_msgspec()
import typing_extensions
print(typing_extensions.TypedDict.__name__)
""") == ["TypedDict"]


def test_a_module_that_is_used_while_it_is_deferred_is_imported():
    code = """
with lean_imports._deferred("none", {"textwrap": {}, "inspect": {"isclass": len}}):
    from textwrap import dedent
    import textwrap, inspect
    print(textwrap.dedent is dedent, type(textwrap).__name__, inspect.isclass([]), type(inspect).__name__)
import inspect
print("textwrap" in sys.modules, type(inspect).__name__)
"""
    assert printed_by(code) == ["True", "module", "0", "_LateModule", "True", "module"]


@pytest.fixture
def others(monkeypatch):
    """All three libraries are there, and the modules that they may import."""
    for name in ("argparse", "asyncio", "msgspec", "inspect", "typing_extensions"):
        monkeypatch.setitem(sys.modules, name, sys.modules.get(name) or object())
    return dict(sys.modules)


def test_what_is_there_already_stays(others):
    for load in (lean_imports.load_argparse, lean_imports.load_asyncio, lean_imports.load_msgspec):
        load()
        assert sys.modules == others


def test_the_names_are_blocked_only_while_msgspec_is_imported(monkeypatch):
    monkeypatch.delitem(sys.modules, "typing_extensions", raising=False)
    lean_imports.load_msgspec()
    assert "typing_extensions" not in sys.modules
    assert sys.modules["msgspec"] is msgspec


def test_a_late_module_has_what_is_known_and_the_rest_of_the_module(monkeypatch):
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with lean_imports._deferred("none", {"colorsys": {"ONE_THIRD": "known"}}):
        import colorsys as late

        assert late.ONE_THIRD == "known"
        assert not hasattr(late, "__path__")
    assert "colorsys" not in sys.modules
    assert late.rgb_to_hsv(1, 1, 1) == (0.0, 0.0, 1)
    monkeypatch.delitem(sys.modules, "colorsys")
    with lean_imports._deferred("none", {"colorsys": {}}):
        import colorsys as late

        assert late.rgb_to_hsv(1, 1, 1) == (0.0, 0.0, 1)
        assert sys.modules["colorsys"] is not late


def test_tls_comes_with_the_first_connection_that_needs_it(tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "server.pem"))
    code = f"""
lean_imports.load_asyncio()
import asyncio

async def greet(reader, writer):
    writer.write(b"hello")
    writer.close()

async def met(serving, trusted):
    server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=serving)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname(), ssl=trusted)
    print((await reader.read()).decode(), type(writer.get_extra_info("ssl_object")).__name__)
    writer.close()
    server.close()

asyncio.run(met(None, None))
print("ssl" in sys.modules, "asyncio.sslproto" in sys.modules)
import ssl
trusted = ssl.create_default_context(cafile={str(tmp_path / "ca.pem")!r})
serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
serving.load_cert_chain({str(tmp_path / "server.pem")!r})
asyncio.run(met(serving, trusted))
"""
    assert printed_by(code) == ["hello", "NoneType", "False", "False", "hello", "SSLObject"]
