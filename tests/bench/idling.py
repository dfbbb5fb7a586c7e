"""A pause: the work of an idle process, and the latency of its first call afterwards."""

import time
from contextlib import ExitStack

import processes
from clients import Direct, Stdio
from stand import Stand

_SETTLED = 62  # seconds until the work after a start is done: the bridge gives a handshake one minute


def pause(stand: Stand) -> None:
    """Measures three processes of each contestant through the same pause of 70 s, 40 ms away from the server."""
    seconds = _SETTLED + (4 if stand.quick else 10)
    with ExitStack() as stack:
        clients: list[tuple[str, Stdio]] = []
        for contestant in stand.contestants:
            for _ in range(1 if stand.quick else 3):
                client = stack.enter_context(stand.start(contestant, stand.far))
                with stand.attempt(contestant.name, "a session before the pause"):
                    stand.open(client, 4)
                    clients.append((contestant.name, client))
        direct = stack.enter_context(Direct(stand.far.url, stand.far.ca))
        stand.open(direct, 4)
        time.sleep(_SETTLED)
        before = [processes.wake_ups(client.pid) for _, client in clients]
        time.sleep(seconds - _SETTLED)
        for (name, client), earlier in zip(clients, before, strict=True):
            stand.add("wake_ups", name, (processes.wake_ups(client.pid) - earlier) / (seconds - _SETTLED))
        for name, client in [*clients, ("direct", direct)]:
            _first_call(stand, name, client)


def _first_call(stand: Stand, name: str, client: Stdio | Direct) -> None:
    with stand.attempt(name, "the first call after the pause"):
        _, before = stand.counts()
        stand.add("pause", name, client.call("json-0"))
        _, after = stand.counts()
        stand.add("pause_connections", name, after - before)
