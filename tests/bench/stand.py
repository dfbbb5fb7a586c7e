"""The test stand: a server, the contestants and their samples."""

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

import trustme
from clients import Client, Direct, Gone, Late, Stdio
from contestants import Contestant, Place

Samples = dict[str, dict[str, dict[int, float]]]
"""By metric, then by contestant, then by round: only figures of one round are compared with each other."""


class Stand:
    """`quick` means fewer rounds."""

    def __init__(self, work: Path, contestants: list[Contestant], *, quick: bool) -> None:
        self.work = work
        self.contestants = contestants
        self.quick = quick
        self.samples: Samples = defaultdict(lambda: defaultdict(dict))
        self.round = 0
        self._suffix = ""
        self.notes: list[str] = []
        ca, certificate = self._certificate()
        pipe = subprocess.PIPE
        script = Path(__file__).with_name("server.py")
        self._server = subprocess.Popen([sys.executable, str(script), str(certificate)], stdin=pipe, stdout=pipe)
        ports = json.loads(self._server.stdout.readline())
        self.near = Place(f"http://127.0.0.1:{ports['near']}/mcp")
        self.tls = Place(f"https://127.0.0.1:{ports['tls']}/mcp", ca, "_tls")
        self.far = Place(f"https://127.0.0.1:{ports['far']}/mcp", ca, "_far")

    @classmethod
    def alone(cls, work: Path) -> Self:
        """A stand with only its server: whoever uses it brings the contestants."""
        return cls(work, [], quick=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stdin.close()
        self._server.stdout.close()
        self._server.wait()

    def counts(self) -> tuple[int, int]:
        """The numbers of requests and connections that the server has had."""
        self._server.stdin.write(b"\n")
        self._server.stdin.flush()
        counts = json.loads(self._server.stdout.readline())
        return counts["requests"], counts["connections"]

    @contextmanager
    def at(self, place: Place) -> Iterator[None]:
        """All figures within are those of this place."""
        self._suffix, self.round = place.suffix, 0
        yield
        self._suffix = ""

    def rounds(self, quick: int, full: int) -> Iterator[int]:
        """The numbers of the rounds; what is added belongs to the round that has begun last."""
        for number in range(quick if self.quick else full):
            self.round = number
            yield number

    def turns(self, names: Iterable[str]) -> list[str]:
        """The order of this round: each contestant goes first once, so that none has the better place."""
        order = list(names)
        first = self.round % len(order)
        return order[first:] + order[:first]

    def add(self, metric: str, contestant: str, value: float) -> None:
        self.samples[metric + self._suffix][contestant][self.round] = value

    def start(self, contestant: Contestant, place: Place) -> Stdio:
        home = self.work / contestant.name
        home.mkdir(mode=0o700, exist_ok=True)
        command = contestant.command(place, home)
        return Stdio(command.argv, command.environment, self.work / f"{contestant.name}.log")

    @contextmanager
    def attempt(self, contestant: str, what: str) -> Iterator[None]:
        """Leaves a peer that fails out of a measurement, with a note."""
        try:
            yield
        except Late:
            self.notes.append(f"{contestant}, {what}: no answer in time")
        except Gone as gone:
            self.notes.append(f"{contestant}, {what}: {gone}")

    @contextmanager
    def ready(self, what: str, place: Place) -> Iterator[dict[str, Client]]:
        """Yields all contestants and a direct client at once, each in a warm session with the server."""
        with ExitStack() as stack:
            clients: dict[str, Client] = {"direct": stack.enter_context(Direct(place.url, place.ca))}
            for contestant in self.contestants:
                clients[contestant.name] = stack.enter_context(self.start(contestant, place))
            for name in list(clients):
                with self.attempt(name, what):
                    self.open(clients[name], 20 if self.quick else 100)
                    continue
                del clients[name]
            yield clients

    def open(self, client: Client, calls: int) -> None:
        """Open the session and make enough calls to warm it up."""
        client.initialize()
        for tool in ("json-0", "sse-0") * (calls // 2):
            client.call(tool)

    def _certificate(self) -> tuple[Path, Path]:
        authority, certificate = self.work / "ca.pem", self.work / "server.pem"
        ca = trustme.CA()
        ca.cert_pem.write_to_path(str(authority))
        ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
        return authority, certificate
