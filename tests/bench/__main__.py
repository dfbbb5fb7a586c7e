"""`uv run python tests/bench`: this bridge and the bridges that people use today, in one run on one machine.

Needs Linux and uv; without Node.js with npm, dbus or gnome-keyring, the measurements that need them are left out.
Everything is installed below tests/bench/.cache.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "support"))  # the tests use it too

import bulk
import calling
import contestants
import idling
import install
import report
import starting
from stand import Stand


def _size(stand: Stand) -> None:
    """The installed sizes, without the interpreter."""
    names = {"ours": "mcp-auth-bridge"}
    for contestant in stand.contestants:
        size, packages = install.weight(names.get(contestant.name, contestant.name))
        stand.add("size", contestant.name, size)
        stand.add("packages", contestant.name, packages)


FAMILIES: dict[str, Callable[[Stand], None]] = {
    "start": starting.near,
    "far": starting.far,
    "latency": calling.latency,
    "rate": calling.rate,
    "notifications": calling.notifications,
    "memory": calling.memory,
    "bulk": bulk.results,
    "beside": bulk.beside,
    "idle": idling.pause,
    "size": _size,
}


def main() -> None:
    arguments = _parser().parse_args()
    notes: list[str] = []
    bridge = contestants.bridge()
    peers = [] if arguments.alone else list(_installed(notes))
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as work,
        Stand(Path(work), [bridge, *peers], quick=arguments.quick) as stand,
    ):
        for name in arguments.only or FAMILIES:
            _run(name, stand)
    _print(stand, [*notes, *dict.fromkeys(stand.notes)])
    if arguments.json:
        arguments.json.write_text(json.dumps(report.as_json(stand.samples), indent=1) + "\n")


def _installed(notes: list[str]) -> Iterator[contestants.Contestant]:
    for peer in contestants.PEERS:
        try:
            yield peer()
        except install.NotInstalled as error:
            notes.append(f"{peer.__name__} is left out: {error}")


def _run(name: str, stand: Stand) -> None:
    start = time.perf_counter()
    FAMILIES[name](stand)
    sys.stderr.write(f"{name}: {time.perf_counter() - start:.0f} s, load {os.getloadavg()[0]:.1f}\n")


def _print(stand: Stand, notes: list[str]) -> None:
    sys.stdout.write(report.markdown(stand.samples) + "\n")
    for note in notes:
        sys.stdout.write(f"\n- {note}")
    sys.stdout.write("\n" if notes else "")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds: under 2 minutes instead of 12")
    parser.add_argument("--alone", action="store_true", help="without the other bridges, which are then not installed")
    parser.add_argument("--only", action="append", choices=FAMILIES, help="one family of metrics; may be repeated")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples there")
    return parser


if __name__ == "__main__":
    main()
