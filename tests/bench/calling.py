"""The cost of a call: latency, processor time, rate, notifications, memory."""

import re
import statistics
import time

import kernel_figures
from clients import Client, number_of
from contestants import Place
from stand import Stand

IN_FLIGHT = (1, 16, 64, 256)

_LIMIT = 8  # seconds for the replies to the last calls in flight

_COUNTED = re.compile(rb'"data": ?"(\d+)"')


class Wrong(Exception):
    """The bridge has lost or disordered messages: its other figures are worth nothing."""


def latency(stand: Stand, place: Place) -> None:
    """Measures the latency added to a call without a bridge in the same round, and the processor time per call."""
    seconds = 0.5 if stand.quick else 1.5
    with stand.ready("latency", place) as clients:
        for _ in stand.rounds(quick=2, full=7):
            for kind in ("json", "sse"):
                alone = statistics.median(_latencies(clients["direct"], f"{kind}-0", seconds / 4))
                for name in stand.turns(clients):
                    if name != "direct":
                        with stand.attempt(name, "latency"):
                            taken, spent = _measured(clients[name], f"{kind}-0", seconds)
                            stand.add(f"{kind}_p50", name, statistics.median(taken) - alone)
                            stand.add(f"{kind}_p99", name, statistics.quantiles(taken, n=100)[98] - alone)
                            stand.add(f"{kind}_cpu", name, spent / len(taken))


def _measured(client: Client, tool: str, seconds: float) -> tuple[list[float], float]:
    """Latencies, and the bridge's processor time for them, in seconds."""
    before = kernel_figures.processor_time(client.pid)
    taken = _latencies(client, tool, seconds)
    return taken, kernel_figures.processor_time(client.pid) - before


def _latencies(client: Client, tool: str, seconds: float) -> list[float]:
    """The latencies of consecutive calls during `seconds`."""
    end = time.perf_counter() + seconds
    taken = []
    while time.perf_counter() < end:
        taken.append(client.call(tool))
    return taken


def rate(stand: Stand, place: Place) -> None:
    seconds = 0.5 if stand.quick else 1.0
    with stand.ready("rate", place) as clients:
        for _ in stand.rounds(quick=2, full=7):
            for in_flight in IN_FLIGHT:
                for name in stand.turns(clients):
                    with stand.attempt(name, f"{in_flight} calls in flight"):
                        _rate(stand, name, clients[name], in_flight, seconds)
                        continue
                    clients.pop(name).close()


def _rate(stand: Stand, name: str, client: Client, in_flight: int, seconds: float) -> None:
    """Calls per second with `in_flight` concurrent calls, and the bridge's processor time per call."""
    before = kernel_figures.processor_time(client.pid) if client.pid else 0
    start = time.perf_counter()
    deadline = start + seconds + _LIMIT
    replies, open_calls = 0, {client.ask("json-0") for _ in range(in_flight)}
    while open_calls:
        open_calls.remove(answered(client, deadline - time.perf_counter()))
        replies += 1
        if time.perf_counter() < start + seconds:
            open_calls.add(client.ask("json-0"))
    stand.add(f"rate_{in_flight}", name, replies / (time.perf_counter() - start))
    if client.pid:
        stand.add(f"rate_{in_flight}_cpu", name, (kernel_figures.processor_time(client.pid) - before) / replies)


def answered(client: Client, seconds: float = 20) -> int:
    """Wait for the next reply, to whichever call, and return its id."""
    deadline = time.perf_counter() + seconds
    while (number := number_of(client.receive(deadline))) is None:
        pass
    return number


def notifications(stand: Stand, place: Place) -> None:
    """Makes one call with many notifications: how many arrive per second, and how many are lost or out of order.

    Raises `Wrong` if the bridge loses one; another one's losses are a row of the table.
    """
    count = 2000 if stand.quick else 20000
    with stand.ready("notifications", place) as clients:
        for _ in stand.rounds(quick=3, full=7):
            for name in stand.turns(clients):
                with stand.attempt(name, "notifications"):
                    _notifications(stand, name, clients[name], count)


def _notifications(stand: Stand, name: str, client: Client, count: int) -> None:
    before = kernel_figures.processor_time(client.pid) if client.pid else 0
    seconds, lost = _stream(client, count)
    if lost and name == "ours":
        raise Wrong(f"{lost} of {count} notifications lost or misplaced")
    stand.add("notifications_lost", name, lost)
    if lost < count:
        stand.add("notifications", name, (count - lost) / seconds)
    if client.pid:
        stand.add("notifications_cpu", name, (kernel_figures.processor_time(client.pid) - before) / count)


def _stream(client: Client, count: int) -> tuple[float, int]:
    start = time.perf_counter()
    number, expected = client.ask(f"notify-{count}"), 0
    while number_of(message := client.receive(start + 60)) != number:
        found = _COUNTED.search(message)
        expected += bool(found and int(found[1]) == expected)
    return time.perf_counter() - start, count - expected


def memory(stand: Stand, place: Place) -> None:
    """Measures memory after the handshake and after 10,000 calls; growth is per thousand calls of the second half."""
    for _ in stand.rounds(quick=1, full=2):
        for contestant in stand.contestants:
            with stand.attempt(contestant.name, "memory"), stand.start(contestant, place) as client:
                client.initialize()
                client.call("json-0")
                stand.add("memory_idle", contestant.name, kernel_figures.memory(client.pid))
                half, patience = (1000, 5) if stand.quick else (5000, 25)
                if _calls(client, half, patience):
                    middle = kernel_figures.memory(client.pid)
                    if _calls(client, half, patience):
                        after = kernel_figures.memory(client.pid)
                        stand.add("memory_busy", contestant.name, after)
                        stand.add("memory_growth", contestant.name, (after - middle) / (half / 1000))


def _calls(client: Client, count: int, seconds: float) -> bool:
    """Whether `count` calls, 16 at a time, succeed within `seconds`."""
    end = time.perf_counter() + seconds
    for _ in range(count // 16):
        open_calls = {client.ask("json-0") for _ in range(16)}
        while open_calls:
            open_calls.remove(answered(client))
        if time.perf_counter() > end:
            return False
    return True
