"""The duration of a start: from the command to the remote's own reply to `initialize`."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from clients import Gone, opening
from contestants import Contestant, Place, bridge_with_login
from needs import missing
from peers.keyring_session import PROGRAMS, keyring_session
from stand import Stand

KEY_FILE = "ours, key file"
KEYRING = "ours, keyring"


def near(stand: Stand) -> None:
    """Compares a static token, a login sealed by a key file and a login sealed by the OS keyring."""
    store = f'[store]\nkind = "key_file"\npath = "{stand.work / KEY_FILE / "key"}"'
    with ExitStack() as stack:
        contestants = [*stand.contestants, stack.enter_context(_login(stand, KEY_FILE, store, {}))]
        if reason := missing(*PROGRAMS):
            stand.notes.append(f"{KEYRING} is left out: {reason}")
        else:
            variable = "DBUS_SESSION_BUS_ADDRESS"
            desktop = {variable: stack.enter_context(keyring_session()).environment[variable]}
            contestants.append(stack.enter_context(_login(stand, KEYRING, "", desktop)))
        _rounds(stand, contestants, stand.near, "start", 3 if stand.quick else 9)


def far(stand: Stand) -> None:
    """The same comparison over TLS with a round trip of 40 ms."""
    _rounds(stand, stand.contestants, stand.far, "start_far", 3 if stand.quick else 7)


@contextmanager
def _login(stand: Stand, name: str, store: str, session: dict[str, str]) -> Iterator[Contestant]:
    """The bridge with a login in `store`; `session` is the desktop's session."""
    contestant = bridge_with_login(name, store, session)
    home = stand.work / name
    home.mkdir(mode=0o700)
    command = contestant.command(stand.near, home)
    script = Path(__file__).with_name("sealed_login.py")
    subprocess.run([sys.executable, str(script)], env=command.environment, check=True)
    yield contestant


def _rounds(stand: Stand, contestants: list[Contestant], place: Place, metric: str, rounds: int) -> None:
    for contestant in contestants:  # one start to fill the caches of Python, Node.js and the kernel
        with stand.attempt(contestant.name, "a first start"):
            _start(stand, contestant, place)
    for _ in range(rounds):
        for contestant in contestants:
            with stand.attempt(contestant.name, "a start"):
                seconds, requests = _start(stand, contestant, place)
                stand.add(metric, contestant.name, seconds)
                stand.add(f"{metric}_requests", contestant.name, requests)


def _start(stand: Stand, contestant: Contestant, place: Place) -> tuple[float, int]:
    """The duration in seconds, and the server's number of requests up to and including the answered one."""
    before, _ = stand.counts()
    start = time.perf_counter()
    with stand.start(contestant, place) as client:
        client.send(opening())
        opened = client.answer(0)
        seconds = time.perf_counter() - start
        after, _ = stand.counts()
    if contestant.name.startswith("ours") and b'"bench"' not in opened:
        raise Gone("initialize was answered from memory before the remote had spoken")
    return seconds, after - before
