"""Name lookups run in daemon threads: they delay neither the loop nor the end of the process."""

import asyncio
import socket
import subprocess
import sys
import threading

import pytest

from mcp_auth_bridge.shell.process.loop import run

HANGING = """
import asyncio, contextlib, socket, threading
from mcp_auth_bridge.config.network import NetworkSettings
from mcp_auth_bridge.shell.process.loop import run
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.net.pool import Pool
from mcp_auth_bridge.urls import Url

asked = threading.Event()

def lookup(*_, **__):
    asked.set()
    threading.Event().wait()

async def story():
    pool = Pool(Network(NetworkSettings(), {}))
    request = asyncio.create_task(pool.exchange(pool.prepare("GET", Url("http", "mcp.test", 80, "/", ""), []), b""))
    while not asked.is_set():
        await asyncio.sleep(0)
    request.cancel()
    await asyncio.wait((request,))

socket.getaddrinfo = lookup
run(story())
print("ended")
"""


def test_a_lookup_that_never_ends_does_not_delay_the_end_of_the_process():
    done = subprocess.run([sys.executable, "-c", HANGING], capture_output=True, text=True, timeout=30, check=False)
    assert (done.stdout, done.stderr) == ("ended\n", "")


def test_a_lookup_runs_in_a_daemon_thread_and_is_the_systems_own(monkeypatch):
    threads = []

    def lookup(host, port, **wanted):
        threads.append(threading.current_thread())
        return real(host, port, **wanted)

    async def story():
        return await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)

    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    assert run(story()) == real("127.0.0.1", 80, type=socket.SOCK_STREAM)
    assert threads != [threading.main_thread()]
    assert threads[0].daemon


def test_an_unknown_name_raises_the_error_of_the_lookup(monkeypatch):
    def lookup(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    async def story():
        await asyncio.get_running_loop().getaddrinfo("mcp.test", 80)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with pytest.raises(socket.gaierror):
        run(story())
