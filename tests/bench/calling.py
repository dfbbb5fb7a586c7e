"""The cost of a call: latency, processor time, rate, notifications, memory."""

import re
import statistics
import time

import processes
from clients import Client, number_of
from stand import Stand

IN_FLIGHT = (1, 16, 64, 256)

_COUNTED = re.compile(rb'"data": ?"(\d+)"')


def latency(stand: Stand) -> None:
    """Measures the latency added to a call without a bridge in the same round, and the processor time per call."""
    seconds = 0.5 if stand.quick else 2.0
    with stand.ready("latency", direct=True) as clients:
        for _ in range(2 if stand.quick else 5):
            for kind in ("json", "sse"):
                alone = statistics.median(_latencies(clients["direct"], f"{kind}-0", seconds / 4))
                stand.add(f"{kind}_alone", "direct", alone)
                for name, client in clients.items():
                    if name != "direct":
                        taken, spent = _measured(client, f"{kind}-0", seconds)
                        stand.add(f"{kind}_p50", name, statistics.median(taken) - alone)
                        stand.add(f"{kind}_p99", name, statistics.quantiles(taken, n=100)[98] - alone)
                        stand.add(f"{kind}_cpu", name, spent / len(taken))


def _measured(client: Client, tool: str, seconds: float) -> tuple[list[float], float]:
    """Latencies, and the bridge's processor time for them, in seconds."""
    before = processes.processor_time(client.pid)
    taken = _latencies(client, tool, seconds)
    return taken, processes.processor_time(client.pid) - before


def _latencies(client: Client, tool: str, seconds: float) -> list[float]:
    """The latencies of consecutive calls during `seconds`."""
    end = time.perf_counter() + seconds
    taken = []
    while time.perf_counter() < end:
        taken.append(client.call(tool))
    return taken


def rate(stand: Stand) -> None:
    seconds = 0.7 if stand.quick else 1.5
    with stand.ready("rate", direct=True) as clients:
        for _ in range(1 if stand.quick else 3):
            for in_flight in IN_FLIGHT:
                for name in list(clients):
                    with stand.attempt(name, f"{in_flight} calls in flight"):
                        stand.add(f"rate_{in_flight}", name, _rate(clients[name], in_flight, seconds))
                        continue
                    clients.pop(name).close()


def _rate(client: Client, in_flight: int, seconds: float) -> float:
    """Calls per second with `in_flight` concurrent calls."""
    start = time.perf_counter()
    answered, open_calls = 0, {client.ask("json-0") for _ in range(in_flight)}
    while open_calls:
        open_calls.remove(answered(client))
        answered += 1
        if time.perf_counter() < start + seconds:
            open_calls.add(client.ask("json-0"))
    return answered / (time.perf_counter() - start)


def answered(client: Client, seconds: float = 20) -> int:
    """Wait for the next reply, to whichever call, and return its id."""
    deadline = time.perf_counter() + seconds
    while (number := number_of(client.receive(deadline))) is None:
        pass
    return number


def notifications(stand: Stand) -> None:
    """Makes one call with many notifications: how many arrive per second, and how many are lost or out of order."""
    count = 2000 if stand.quick else 20000
    with stand.ready("notifications", direct=True) as clients:
        for _ in range(3):
            for name, client in clients.items():
                with stand.attempt(name, "notifications"):
                    seconds, lost = _stream(client, count)
                    stand.add("notifications_lost", name, lost)
                    if lost < count:
                        stand.add("notifications", name, (count - lost) / seconds)


def _stream(client: Client, count: int) -> tuple[float, int]:
    start = time.perf_counter()
    number, expected = client.ask(f"notify-{count}"), 0
    while number_of(message := client.receive(start + 60)) != number:
        found = _COUNTED.search(message)
        expected += bool(found and int(found[1]) == expected)
    return time.perf_counter() - start, count - expected


def memory(stand: Stand) -> None:
    """Measures memory after the handshake and after 10,000 calls; growth is per thousand calls of the second half."""
    for contestant in stand.contestants:
        with stand.attempt(contestant.name, "memory"), stand.start(contestant, stand.near) as client:
            client.initialize()
            client.call("json-0")
            stand.add("memory_idle", contestant.name, processes.memory(client.pid))
            half, patience = (1000, 5) if stand.quick else (5000, 25)
            if _calls(client, half, patience):
                middle = processes.memory(client.pid)
                if _calls(client, half, patience):
                    after = processes.memory(client.pid)
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
