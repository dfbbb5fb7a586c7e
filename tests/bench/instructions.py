"""The instructions that the bridge executes, counted by valgrind: the load of the machine hardly changes them.

`uv run python tests/bench/instructions.py` compares them with those of the last release, which `instructions.json`
holds, and fails if one is more than 10 % higher; `--keep` writes them there.
"""

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import contestants
import msgspec
from calling import answered
from clients import Client, opening
from stand import Stand

import mcp_auth_bridge

KEPT = Path(__file__).with_suffix(".json")
PYTHON = f"{sys.implementation.name} {sys.version_info.major}.{sys.version_info.minor}"

LIMIT = 1.10
"""The highest allowed ratio to the figure of the last release. Two counts of the same code differ by 1 %."""

_CALLS = 150
_NOTIFICATIONS = 1000
_PATIENCE = 120.0  # seconds: valgrind makes a process thirty times slower
_AT_WORK = 2  # processes at a time

_TOTAL = re.compile(r"I +refs: +([\d,]+)")


class Kept(msgspec.Struct, frozen=True):
    """The figures of a release, and the Python that executed it: each version has its own."""

    release: str
    python: str
    figures: Mapping[str, int]


def _start(client: Client) -> None:
    """All rows begin with the handshake of a client whose patience suffices for a slow process."""
    client.initialize(opening("claude-code"))


def _warm(client: Client) -> None:
    """Make the calls after which the next one needs no further import."""
    _start(client)
    for tool in ("json-0", "sse-0", "notify-2"):
        client.call(tool, _PATIENCE)
    _burst(client, 16)


def _one_at_a_time(client: Client) -> None:
    for _ in range(_CALLS):
        client.call("json-0", _PATIENCE)


def _sixteen_in_flight(client: Client) -> None:
    for _ in range(_CALLS // 16):
        _burst(client, 16)


def _burst(client: Client, calls: int) -> None:
    """Make `calls` calls at once, each line written by itself, and wait for their replies."""
    open_calls = {client.ask("json-0") for _ in range(calls)}
    while open_calls:
        open_calls.remove(answered(client, _PATIENCE))


def _streamed(client: Client) -> None:
    for _ in range(_CALLS):
        client.call("sse-0", _PATIENCE)


def _notified(client: Client) -> None:
    client.call(f"notify-{_NOTIFICATIONS}", _PATIENCE)


_ROWS: Mapping[str, tuple[Callable[[Client], None], int]] = {
    "call": (_one_at_a_time, _CALLS),
    "call_16": (_sixteen_in_flight, _CALLS // 16 * 16),
    "call_sse": (_streamed, _CALLS),
    "notification": (_notified, _NOTIFICATIONS),
}
"""What a warm session does, and how often."""

KEYS = {"start", *_ROWS}


def measure(stand: Stand) -> dict[str, int]:
    """The instructions of a start with its end, and those of each call or notification, by row."""
    _count(stand, "first", _start)  # leaves compiled modules behind
    with ThreadPoolExecutor(_AT_WORK) as pool:
        start = pool.submit(_count, stand, "start", _start)
        warm = pool.submit(_count, stand, "warm", _warm)
        totals = {row: pool.submit(_count, stand, row, _warm, work) for row, (work, _) in _ROWS.items()}
        figures = {row: (totals[row].result() - warm.result()) // often for row, (_, often) in _ROWS.items()}
        return {"start": start.result(), **figures}


def _count(stand: Stand, name: str, *work: Callable[[Client], None]) -> int:
    """The instructions of a whole process that does `work`."""
    log = stand.work / f"{name}.valgrind"
    with stand.start(contestants.counted(f"counted {name}", log), stand.near) as client:
        for step in work:
            step(client)
        client.close(_PATIENCE)
    return int(_TOTAL.search(log.read_text())[1].replace(",", ""))


def kept() -> Kept:
    return msgspec.json.decode(KEPT.read_bytes(), type=Kept)


def excess(figures: Mapping[str, int], before: Mapping[str, int]) -> list[str]:
    """A sentence about each row that has become too dear."""
    return [
        f"{row}: {count:,} instructions, {count / before[row]:.2f} times the last release's {before[row]:,}"
        for row, count in figures.items()
        if count > LIMIT * before[row]
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests/bench/instructions.py", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="keep the figures as those of the last release")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="instructions-") as work, Stand.alone(Path(work)) as stand:
        figures = measure(stand)
    before = {} if arguments.keep else kept().figures
    for row, count in figures.items():
        ratio = f"{count / before[row]:7.2f}" if before.get(row) else ""
        sys.stdout.write(f"{row:14}{count:14,}{ratio}\n")
    if arguments.keep:
        text = json.dumps({"release": mcp_auth_bridge.__version__, "python": PYTHON, "figures": figures}, indent=2)
        KEPT.write_text(f"{text}\n")
        return 0
    if kept().python != PYTHON:
        sys.stdout.write(f"the figures kept are those of {kept().python}, and this is {PYTHON}\n")
        return 0
    return bool(excess(figures, before))


if __name__ == "__main__":
    sys.exit(main())
