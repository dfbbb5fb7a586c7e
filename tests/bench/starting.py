"""The duration of a start: from the command to the remote's own reply to `initialize`."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import kernel_figures
from clients import Gone, opening
from contestants import Contestant, Place, bridge_with_login
from needs import missing
from peers.keyring_session import PROGRAMS, keyring_session
from stand import Stand

KEY_FILE = "ours, key file"
KEYRING = "ours, keyring"


def near(stand: Stand, place: Place) -> None:
    """Compares a static token, a login sealed by a key file and a login sealed by the OS keyring."""
    store = f'[store]\nkind = "key_file"\npath = "{stand.work / KEY_FILE / "key"}"'
    with ExitStack() as stack:
        contestants = [*stand.contestants, stack.enter_context(_login(stand, place, KEY_FILE, store, {}))]
        if reason := missing(*PROGRAMS):
            stand.notes.append(f"{KEYRING} is left out: {reason}")
        else:
            variable = "DBUS_SESSION_BUS_ADDRESS"
            desktop = {variable: stack.enter_context(keyring_session()).environment[variable]}
            contestants.append(stack.enter_context(_login(stand, place, KEYRING, "", desktop)))
        _rounds(stand, contestants, place)


def far(stand: Stand, place: Place) -> None:
    """The same comparison without a login, over TLS."""
    _rounds(stand, stand.contestants, place)


@contextmanager
def _login(stand: Stand, place: Place, name: str, store: str, session: dict[str, str]) -> Iterator[Contestant]:
    """The bridge with a login in `store`; `session` is the desktop's session."""
    contestant = bridge_with_login(name, store, session)
    home = stand.work / name
    home.mkdir(mode=0o700)
    command = contestant.command(place, home)
    script = Path(__file__).with_name("sealed_login.py")
    subprocess.run([sys.executable, str(script)], env=command.environment, check=True)
    yield contestant


def _rounds(stand: Stand, contestants: list[Contestant], place: Place) -> None:
    for contestant in contestants:  # one start to fill the caches of Python, Node.js and the kernel
        with stand.attempt(contestant.name, "a first start"):
            _start(stand, contestant, place)
    by_name = {contestant.name: contestant for contestant in contestants}
    for _ in stand.rounds(quick=5, full=15):
        for name in stand.turns(by_name):
            with stand.attempt(name, "a start"):
                seconds, spent, requests = _start(stand, by_name[name], place)
                stand.add("start", name, seconds)
                stand.add("start_cpu", name, spent)
                stand.add("start_requests", name, requests)


def _start(stand: Stand, contestant: Contestant, place: Place) -> tuple[float, float, int]:
    """The duration and the processor time in seconds, and the requests up to and including the answered one."""
    before, _ = stand.counts()
    start = time.perf_counter()
    with stand.start(contestant, place) as client:
        client.send(opening())
        opened = client.answer(0)
        seconds = time.perf_counter() - start
        spent = kernel_figures.processor_time(client.pid)
        after, _ = stand.counts()
    if contestant.name.startswith("ours") and b'"bench"' not in opened:
        raise Gone("initialize was answered from memory before the remote had spoken")
    return seconds, spent, after - before
