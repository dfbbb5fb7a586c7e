"""Large results, and the effect of large and slow calls on concurrent calls."""

import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial

import kernel_figures
from clients import Client, Direct, Gone, number_of
from contestants import Place
from stand import Stand

MEGABYTE = 1_000_000

_LIMIT = 30  # seconds for one result: a peer that needs more counts as late


def results(stand: Stand, place: Place) -> None:
    """Measures each size in a fresh process, because a process often keeps its peak memory."""
    peers = {peer.name: partial(stand.start, peer, place) for peer in stand.contestants}
    begin: Mapping[str, Callable[[], Client]] = {**peers, "direct": lambda: Direct(place.url, place.ca)}
    for _ in stand.rounds(quick=2, full=7):
        for kind in ("json", "sse"):
            for size in (10,) if stand.quick and kind == "sse" else (10, 50):
                for name in stand.turns(begin):
                    _result(stand, name, begin[name], kind, size)


def _result(stand: Stand, name: str, begin: Callable[[], Client], kind: str, size: int) -> None:
    metric = f"big_{kind}_{size}"
    what = f"a result of {size} MB as {kind.upper()}"
    if any(note.startswith(f"{name}, {what}:") for note in stand.notes):
        return  # it was late or gone before: one failure is enough
    with stand.attempt(name, what), begin() as client:
        stand.open(client, 20)
        before = _figures(client)
        start = time.perf_counter()
        answer = client.answer(client.ask(f"big{kind}-{size}"), _LIMIT)
        seconds = time.perf_counter() - start
        if len(answer) < size * MEGABYTE:
            raise Gone(f"answered with {len(answer)} bytes instead: {answer[:200].decode()}")
        stand.add(metric, name, seconds)
        if before:
            stand.add(f"{metric}_cpu", name, kernel_figures.processor_time(client.pid) - before[1])
            stand.add(f"{metric}_peak", name, (kernel_figures.peak(client.pid) - before[0]) / (size * MEGABYTE))


def _figures(client: Client) -> tuple[int, float] | None:
    """The memory and the processor time of a bridge so far; None without a bridge."""
    if client.pid is None:
        return None
    kernel_figures.forget_peak(client.pid)
    return kernel_figures.memory(client.pid), kernel_figures.processor_time(client.pid)


def beside(stand: Stand, place: Place) -> None:
    """Measures fast calls alone, beside 10 MB results, and beside a call of 2 s."""
    with stand.ready("fast calls beside others", place) as clients:
        for _ in stand.rounds(quick=2, full=7):
            for name in stand.turns(clients):
                with stand.attempt(name, "fast calls beside others"):
                    _beside(stand, name, clients[name])


def _beside(stand: Stand, name: str, client: Client) -> None:
    alone = statistics.median(client.call("json-0") for _ in range(100))
    slow = _while_open(client, "slow-2")
    stand.add("beside_slow", name, statistics.median(slow) / alone)
    for kind in ("json", "sse"):
        big = [latency for _ in range(2) for latency in _while_open(client, f"big{kind}-10")]
        stand.add(f"beside_{kind}", name, statistics.median(big))
        stand.add(f"beside_{kind}_worst", name, max(big))


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
