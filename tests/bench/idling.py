"""A pause: the work of an idle process, and the latency of its first call afterwards."""

import time
from contextlib import ExitStack

import kernel_figures
from clients import Direct, Stdio
from contestants import Place
from stand import Stand

_SETTLED = 62  # seconds until the work after a start is done: the bridge gives a handshake one minute


def pause(stand: Stand, place: Place) -> None:
    """Measures three processes of each contestant through the same pause of 70 s."""
    seconds = _SETTLED + (4 if stand.quick else 10)
    with ExitStack() as stack:
        clients: list[tuple[int, str, Stdio]] = []
        for each in stand.rounds(quick=1, full=3):
            for contestant in stand.contestants:
                client = stack.enter_context(stand.start(contestant, place))
                with stand.attempt(contestant.name, "a session before the pause"):
                    stand.open(client, 4)
                    clients.append((each, contestant.name, client))
        direct = stack.enter_context(Direct(place.url, place.ca))
        stand.open(direct, 4)
        time.sleep(_SETTLED)
        before = [kernel_figures.wake_ups(client.pid) for _, _, client in clients]
        time.sleep(seconds - _SETTLED)
        for (each, name, client), earlier in zip(clients, before, strict=True):
            stand.round = each
            stand.add("wake_ups", name, (kernel_figures.wake_ups(client.pid) - earlier) / (seconds - _SETTLED))
        for each, name, client in [(0, "direct", direct), *clients]:
            stand.round = each
            _first_call(stand, name, client)


def _first_call(stand: Stand, name: str, client: Stdio | Direct) -> None:
    with stand.attempt(name, "the first call after the pause"):
        _, before = stand.counts()
        stand.add("pause", name, client.call("json-0"))
        _, after = stand.counts()
        stand.add("pause_connections", name, after - before)
