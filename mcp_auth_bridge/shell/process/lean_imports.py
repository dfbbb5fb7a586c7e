"""Imports libraries without the modules that they import in turn and most starts do not use.

Python itself will be able to do that from version 3.15 on (PEP 810).
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import cast

_Known = Mapping[str, object]

_ALL_LATER: _Known = {}

_FOR_ARGPARSE: Mapping[str, _Known] = {
    # It would look for translations in files. There are none: Python brings none, and this program has none.
    # argparse also translates descriptions that are None, so each text stays as it is.
    "gettext": {"gettext": lambda text: text, "ngettext": lambda one, many, count: one if count == 1 else many},
}
_FOR_ASYNCIO: Mapping[str, _Known] = {
    **dict.fromkeys(("inspect", "linecache", "locale", "textwrap", "asyncio.sslproto"), _ALL_LATER),
    # A plain connection is made only of a socket that is not one of these, and none is before TLS is needed.
    "ssl": {"SSLSocket": ()},
}
_FOR_MSGSPEC: Mapping[str, _Known] = {
    **dict.fromkeys(("msgspec.inspect", "msgspec.msgpack", "msgspec.toml", "msgspec.yaml", "textwrap"), _ALL_LATER),
    # uuid asks whether this is Linux or AIX, with a word that platform has from here.
    "platform": {"system": lambda: os.uname().sysname if sys.platform != "win32" else "Windows"},
}


def load_argparse() -> None:
    """Import argparse; to be called before anything else imports it."""
    with _deferred("argparse", _FOR_ARGPARSE):
        import argparse  # noqa: F401


def load_asyncio() -> None:
    """Import asyncio; to be called before anything else imports it."""
    with _deferred("asyncio", _FOR_ASYNCIO):
        import asyncio  # noqa: F401


def load_msgspec() -> None:
    """Import msgspec; to be called before anything else imports it.

    It does not get `typing_extensions`: since Python 3.11, `typing` has all that it takes from there.
    """
    with _deferred("msgspec", _FOR_MSGSPEC), _missing("typing_extensions"):
        import msgspec  # noqa: F401


class _LateModule(ModuleType):
    """Stands for the module of the same name, which is imported when an attribute is used that is not `known`.

    That module is not a package.
    """

    def __init__(self, name: str, known: _Known) -> None:
        super().__init__(name)
        vars(self).update(known)

    def __getattr__(self, name: str) -> object:
        if name == "__path__":  # `from module import name` asks for it first
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


@contextmanager
def _deferred(importer: str, modules: Mapping[str, _Known]) -> Iterator[None]:
    """Let what is imported inside get a `_LateModule` for each of the `modules`. It keeps it; others get the module.

    If `importer` is there already, nothing changes.
    """
    late = {} if importer in sys.modules else {name: _LateModule(name, known) for name, known in modules.items()}
    late = {name: module for name, module in late.items() if name not in sys.modules}
    sys.modules.update(late)
    try:
        yield
    finally:
        for name, module in late.items():
            if sys.modules.get(name) is module:  # else it was used inside
                del sys.modules[name]


@contextmanager
def _missing(name: str) -> Iterator[None]:
    """Let an import of the module `name` fail inside (Python reference, section 5.3.1), unless it is there already."""
    if name in sys.modules:
        yield
        return
    modules = cast("dict[str, object]", sys.modules)
    modules[name] = None
    try:
        yield
    finally:
        del modules[name]
