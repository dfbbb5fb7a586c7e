"""Large results, and the effect of large and slow calls on concurrent calls."""

import statistics
import time

import processes
from clients import Client, Gone, number_of
from contestants import Contestant
from stand import Stand

MEGABYTE = 1_000_000

_LIMIT = 30  # seconds for one result: a peer that needs more counts as late


def results(stand: Stand) -> None:
    """Measures each size in a fresh process, because a process often keeps its peak memory."""
    sizes = (1, 10) if stand.quick else (1, 10, 50)
    for _ in range(1 if stand.quick else 3):
        for kind in ("json", "sse"):
            for size in sizes:
                for contestant in stand.contestants:
                    _result(stand, contestant, kind, size)


def _result(stand: Stand, contestant: Contestant, kind: str, size: int) -> None:
    metric = f"big_{kind}_{size}"
    what = f"a result of {size} MB as {kind.upper()}"
    if any(note.startswith(f"{contestant.name}, {what}:") for note in stand.notes):
        return  # it was late or gone before: one failure is enough
    with stand.attempt(contestant.name, what), stand.start(contestant, stand.near) as client:
        stand.open(client, 20)
        before = processes.memory(client.pid)
        processes.forget_peak(client.pid)
        start = time.perf_counter()
        answer = client.answer(client.ask(f"big{kind}-{size}"), _LIMIT)
        seconds = time.perf_counter() - start
        if len(answer) < size * MEGABYTE:
            raise Gone(f"answered with {len(answer)} bytes instead: {answer[:200].decode()}")
        stand.add(metric, contestant.name, seconds)
        stand.add(f"{metric}_peak", contestant.name, (processes.peak(client.pid) - before) / (size * MEGABYTE))


def beside(stand: Stand) -> None:
    """Measures fast calls alone, beside 10 MB results, and beside a call of 2 s."""
    with stand.ready("fast calls beside others", direct=True) as clients:
        for _ in range(1 if stand.quick else 4):
            for name, client in clients.items():
                with stand.attempt(name, "fast calls beside others"):
                    _beside(stand, name, client)


def _beside(stand: Stand, name: str, client: Client) -> None:
    alone = statistics.median(client.call("json-0") for _ in range(100))
    slow = _while_open(client, "slow-2")
    stand.add("beside_slow", name, statistics.median(slow) / alone)
    big = [latency for _ in range(2) for latency in _while_open(client, "bigjson-10")]
    stand.add("beside_big", name, statistics.median(big))
    stand.add("beside_big_worst", name, max(big))


def _while_open(client: Client, tool: str) -> list[float]:
    """The latencies of consecutive fast calls while a call of `tool` is open."""
    deadline = time.perf_counter() + _LIMIT
    first, taken, done = client.ask(tool), [], False
    while not done:
        start = time.perf_counter()
        fast = client.ask("json-0")
        while (number := number_of(client.receive(deadline))) != fast:
            done |= number == first
        taken.append(time.perf_counter() - start)
    return taken
