"""The report for a public ticket: the JSON report with labels in place of names, and the versions of what ran."""

import importlib.metadata
import platform
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from mcp_auth_bridge.doctor.json_report import Report
from mcp_auth_bridge.doctor.redaction import PrivateName, Redaction

_PACKAGES = ("anyio", "authlib", "cryptography", "filelock", "h11", "httpx2", "jeepney", "keyring", "msgspec", "pyjwt")
_CLOSED = frozenset({"section", "check", "outcome", "symptom", "blame", "urgency", "version", "schema", "seconds"})
"""The members of a report whose values come from a closed list of the bridge."""


class Machine(msgspec.Struct, frozen=True):
    """What the bridge ran on."""

    python: str
    system: str
    machine: str
    # The versions of the packages that the bridge uses, by name.
    packages: dict[str, str]


class Bundle(msgspec.Struct, frozen=True):
    """The file for a public ticket."""

    # As `SCHEMA`.
    schema: int
    # "machine" if other bundles of this machine use the same labels, else "bundle".
    labels: str
    machine: Machine
    # How long the whole examination took.
    seconds: float
    # As `Report`, with labels. Any: JSON.
    report: dict[str, Any]


def build_bundle(report: Report, names: Iterable[PrivateName], key: tuple[bytes, bool], seconds: float) -> Bundle:
    """The bundle of `report`: each of `names`, and whatever has the form of a name, is replaced by its label.

    `key` is that of the labels, and whether it is kept; `seconds` is how long the examination took.
    """
    document = msgspec.to_builtins(report)
    redaction = Redaction(key[0], names, _texts(document))
    return Bundle(
        report.schema,
        "machine" if key[1] else "bundle",
        _machine(),
        round(seconds, 3),
        _mapped(document, redaction.apply),
    )


def _machine() -> Machine:
    python = ".".join(map(str, sys.version_info[:3]))
    return Machine(python, platform.system(), platform.machine(), dict(_packages()))


def _packages() -> Iterator[tuple[str, str]]:
    for name in _PACKAGES:
        try:
            yield name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # an extra, or another system's


def _texts(document: Any) -> Iterator[str]:
    """Every text of `document` that may hold a name. Any: JSON, here and below."""
    match document:
        case str():
            yield document
        case list():
            for item in document:
                yield from _texts(item)
        case dict():
            for name, value in document.items():
                if name not in _CLOSED:
                    yield from _texts(value)


def _mapped(document: Any, change: Callable[[str], str]) -> Any:
    match document:
        case str():
            return change(document)
        case list():
            return [_mapped(item, change) for item in document]
        case dict():
            return {name: value if name in _CLOSED else _mapped(value, change) for name, value in document.items()}
    return document
