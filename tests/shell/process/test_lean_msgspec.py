"""msgspec without `typing_extensions`, in a process of its own: this one has imported both."""

import subprocess
import sys

import msgspec

from mcp_auth_bridge.shell.process import lean_msgspec


def printed_by(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_msgspec_comes_alone_and_reads_structs():
    code = """
import sys
from typing import NotRequired, TypedDict
from mcp_auth_bridge.shell.process import lean_msgspec
lean_msgspec.load()
import msgspec
class Point(msgspec.Struct):
    x: "int | None" = None
class Named(TypedDict):
    name: NotRequired[str]
print("typing_extensions" in sys.modules, msgspec.json.decode(b'{"x":1}', type=Point).x, msgspec.convert({}, Named))
"""
    assert printed_by(code) == ["False", "1", "{}"]


def test_other_modules_may_import_it_afterwards():
    code = """
from mcp_auth_bridge.shell.process import lean_msgspec
lean_msgspec.load()
import typing_extensions
print(typing_extensions.TypedDict.__name__)
"""
    assert printed_by(code) == ["TypedDict"]


def test_a_typing_extensions_that_is_there_stays(monkeypatch):
    monkeypatch.setitem(sys.modules, "typing_extensions", there := object())
    lean_msgspec.load()
    assert sys.modules["typing_extensions"] is there


def test_the_names_are_blocked_only_while_msgspec_is_imported(monkeypatch):
    monkeypatch.delitem(sys.modules, "typing_extensions", raising=False)
    lean_msgspec.load()
    assert "typing_extensions" not in sys.modules
    assert sys.modules["msgspec"] is msgspec
