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
from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "support"))  # the tests use it too

import bulk
import calling
import contestants
import idling
import install
import instructions
import report
import starting
from contestants import Place
from needs import missing
from stand import Stand

README = Path(__file__).parents[2] / "README.md"
MARKER = "<!-- one run of tests/bench -->"


def _size(stand: Stand, _place: Place) -> None:
    """The installed sizes, without the interpreter."""
    names = {"ours": "mcp-auth-bridge"}
    for contestant in stand.contestants:
        size, packages = install.weight(names.get(contestant.name, contestant.name))
        stand.add("size", contestant.name, size)
        stand.add("packages", contestant.name, packages)


def _instructions(stand: Stand, _place: Place) -> None:
    """The bridge's alone: valgrind has no use for Node.js."""
    if reason := missing("valgrind"):
        stand.notes.append(f"instructions are left out: {reason}")
        return
    for row, count in instructions.measure(stand).items():
        stand.add(f"instructions_{row}", "ours", count)


Family = tuple[Callable[[Stand, Place], None], Callable[[Stand], Place]]
"""A measurement, and the place of the server for it."""

_near, _tls, _far = attrgetter("near"), attrgetter("tls"), attrgetter("far")

FAMILIES: Mapping[str, Family] = {
    "instructions": (_instructions, _near),
    "start": (starting.near, _near),
    "far": (starting.far, _far),
    "latency": (calling.latency, _near),
    "rate": (calling.rate, _near),
    "notifications": (calling.notifications, _near),
    "memory": (calling.memory, _near),
    "bulk": (bulk.results, _near),
    "beside": (bulk.beside, _near),
    "latency-tls": (calling.latency, _tls),
    "rate-tls": (calling.rate, _tls),
    "notifications-tls": (calling.notifications, _tls),
    "bulk-tls": (bulk.results, _tls),
    "beside-tls": (bulk.beside, _tls),
    "idle": (idling.pause, _far),
    "size": (_size, _near),
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
    if arguments.readme:
        versions = {peer.name: peer.version for peer in peers}
        _write_readme(report.for_readers(stand.samples, versions))


def _installed(notes: list[str]) -> Iterator[contestants.Contestant]:
    for peer in contestants.PEERS:
        try:
            yield peer()
        except install.NotInstalled as error:
            notes.append(f"{peer.__name__} is left out: {error}")


def _run(name: str, stand: Stand) -> None:
    start = time.perf_counter()
    measure, choose = FAMILIES[name]
    place = choose(stand)
    with stand.at(place):
        measure(stand, place)
    sys.stderr.write(f"{name}: {time.perf_counter() - start:.0f} s, load {os.getloadavg()[0]:.1f}\n")


def _print(stand: Stand, notes: list[str]) -> None:
    sys.stdout.write(report.markdown(stand.samples) + "\n")
    for note in notes:
        sys.stdout.write(f"\n- {note}")
    sys.stdout.write("\n" if notes else "")


def _write_readme(table: str) -> None:
    """Replace the table after its marker in README.md."""
    before, marker, after = README.read_text().partition(MARKER)
    _, _, rest = after.lstrip("\n").partition("\n\n")
    README.write_text(f"{before}{marker}\n\n{table}\n\n{rest}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tests/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds: a few minutes instead of 25")
    parser.add_argument("--alone", action="store_true", help="without the other bridges, which are then not installed")
    parser.add_argument("--only", action="append", choices=FAMILIES, help="one family of metrics; may be repeated")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples there")
    parser.add_argument("--readme", action="store_true", help="write the table of README.md from this run")
    return parser


if __name__ == "__main__":
    main()
