"""A login with its callback under attack completes, redeems one code, and echoes nothing that the attackers sent."""

import asyncio
import contextlib
import itertools
import os
import subprocess
import sys
import threading
import time
from urllib.parse import parse_qs, urlsplit

import pytest
from peer import PEERS
from peers.gateway import Gateway
from program import command
from thoroughness import times

PAYLOAD = "p4yl0ad"
FORM = "Content-Type: application/x-www-form-urlencoded"
AT_ONCE = 32

# Signs in once the test writes to the pipe beside its log.
WAITS = """
import runpy, sys
log, browser, url = sys.argv[1:]
open(f"{log}.go").read()
sys.argv = [browser, "--log", log, url]
runpy.run_path(browser, run_name="__main__")
"""


def forged(port, state):
    """Yields endless requests that are not the callback of this login, each wrong in one way."""
    good = f"/callback?state={state}&code={PAYLOAD}"
    host = f"Host: 127.0.0.1:{port}"
    kinds = [
        ("GET", f"/callback?state={PAYLOAD}&code={PAYLOAD}", host),
        ("GET", f"/callback?code={PAYLOAD}", host),
        ("GET", f"/callback?error={PAYLOAD}&error_description=<b>{PAYLOAD}</b>", host),
        ("GET", f"/callback?error=access_denied&state={state[:-1]}", host),
        ("GET", f"/callback?state={state}&{good[10:]}", host),
        ("GET", good, f"Host: {PAYLOAD}.example"),
        ("GET", good, f"Host: localhost:{port}"),
        ("GET", good, f"{host}\r\nOrigin: https://{PAYLOAD}.example"),
        ("GET", good, f"{host}\r\nSec-Fetch-Dest: image"),
        ("GET", f"/callback?state={PAYLOAD}&x={'x' * 20_000}", host),
        ("GET", f"/login/{PAYLOAD}", host),
        ("POST", good.replace(state, PAYLOAD), f"{host}\r\n{FORM}\r\nContent-Length: 0"),
        ("POST", good, f"{host}\r\n{FORM}\r\nOrigin: https://{PAYLOAD}.example\r\nContent-Length: 0"),
        ("POST", good, f"{host}\r\n{FORM}\r\nOrigin: null\r\nSec-Fetch-Dest: iframe\r\nContent-Length: 0"),
        ("POST", good, f"{host}\r\nContent-Type: text/plain\r\nContent-Length: 0"),
        ("POST", good, f"{host}\r\nContent-Length: 0"),
        ("POST", "/callback", f"{host}\r\n{FORM}\r\nContent-Length: 99999999"),
        ("HEAD", good, host),
        ("OPTIONS", good, f"{host}\r\nAccess-Control-Request-Private-Network: true"),
    ]
    return itertools.cycle(f"{method} {target} HTTP/1.1\r\n{head}\r\n\r\n".encode() for method, target, head in kinds)


class Attack:
    """Attacks the callback until the login has ended. `answers` are the responses, `sent` is the number of requests."""

    def __init__(self, port, state, idle):
        self._port, self._idle = port, idle
        self._requests = forged(port, state)
        self.answers, self.sent, self.is_idle = set(), 0, False
        self._thread = threading.Thread(target=lambda: asyncio.run(self._attack()))
        self._thread.start()

    def join(self):
        self._thread.join()

    async def _attack(self):
        sockets = [await asyncio.open_connection("127.0.0.1", self._port) for _ in range(self._idle)]
        self.is_idle = True
        await asyncio.gather(*(self._ask_on() for _ in range(AT_ONCE)))
        for _, writer in sockets:
            writer.transport.abort()
        await asyncio.sleep(0)  # now they are closed

    async def _ask_on(self):
        with contextlib.suppress(ConnectionError):  # the login has ended
            while True:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                with contextlib.suppress(ConnectionError):  # the bridge hung up, because the request was malformed
                    writer.write(next(self._requests))
                    self.answers.add(await reader.read())
                writer.transport.abort()
                self.sent += 1


@pytest.mark.parametrize(("count", "idle"), [(500, 100), pytest.param(times(10_000), 500, marks=pytest.mark.slow)])
def test_a_login_under_attack_completes_and_redeems_one_code(bridge, count, idle, record_property) -> None:
    pipe = bridge.home / "browser.log.go"
    os.mkfifo(pipe)
    browser = [sys.executable, "-c", WAITS, str(bridge.home / "browser.log"), str(PEERS / "browser.py")]
    with Gateway() as gateway:
        bridge.add_server("acme", gateway.url, browser_command=browser)
        arguments = [command(), "login", "acme"]
        with subprocess.Popen(arguments, env=bridge.environment, stderr=subprocess.PIPE, text=True) as login:
            asked = parse_qs(urlsplit(next(line for line in login.stderr if line.startswith("http"))).query)
            attack = Attack(urlsplit(asked["redirect_uri"][0]).port, asked["state"][0], idle)
            while login.poll() is None and (not attack.is_idle or attack.sent < count):
                threading.Event().wait(0.01)  # another thread attacks; the test's own timeout ends a hang
            pipe.write_text("go")
            approved = time.monotonic()
            said = login.stderr.read()
            assert login.wait() == 0, said
            record_property("seconds from the approval to the end", round(time.monotonic() - approved, 2))
        attack.join()
        assert gateway.seen("/token") == 1
    assert [launch["title"] for launch in bridge.launches] == ["Signed in"]
    assert not [answer for answer in attack.answers if PAYLOAD.encode() in answer or b" 200 " in answer[:20]]
    assert PAYLOAD not in said
