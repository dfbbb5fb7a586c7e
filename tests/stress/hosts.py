"""Separate machines as far as the network is concerned: namespaces, joined by one Redis that all of them reach.

The test's own servers on loopback serve them: a socket file forwards bytes from the same port of a host's loopback.
"""

import asyncio
import contextlib
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from needs import missing

_FORWARDER = """
import asyncio, sys

async def pump(reader, writer):
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.close()

async def join(reader, writer):
    far_reader, far_writer = await asyncio.open_unix_connection(sys.argv[2])
    await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
    writer.close()
    far_writer.close()

async def main():
    server = await asyncio.start_server(join, "127.0.0.1", int(sys.argv[1]))
    print("listens", flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


def why_not() -> str:
    """Why namespaces do not work here, "" if they do."""
    if reason := missing("ip"):
        return reason
    if not (hasattr(os, "geteuid") and os.geteuid() == 0):
        return "network namespaces need root"
    name = f"mab-probe-{os.getpid()}"
    tried = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if tried.returncode:
        return f"no network namespaces here: {tried.stderr.strip()}"
    subprocess.run(["ip", "netns", "del", name], check=True)
    return ""


def _ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout


def remove_leftovers() -> None:
    """Delete the namespaces and cables of killed test runs, because their addresses would still answer."""
    for line in _ip("netns", "list").splitlines():
        name = line.split()[0]
        owner = re.fullmatch(r"mab(\d+)-\w+", name)
        if owner and not Path(f"/proc/{owner[1]}").exists():
            _ip("netns", "del", name)


@contextlib.contextmanager
def namespace(name: str) -> Iterator[tuple[str, ...]]:
    """Creates a namespace; yields the words that run a command in it."""
    _ip("netns", "add", name)
    try:
        _ip("-n", name, "link", "set", "lo", "up")
        yield ("ip", "netns", "exec", name)
    finally:
        _ip("netns", "del", name)


def joined(name: str, hub: str, number: int) -> str:
    """Connects the host `name` ("" for the test's own) to `hub` with a cable; returns the hub's address on it.

    The network's number comes from the process id, because another run may be under way on this machine.
    """
    network = f"10.{100 + os.getpid() % 100}.{number}"
    near, far = f"mab{os.getpid() % 10**6}n{number}", f"mab{os.getpid() % 10**6}f{number}"
    _ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", hub)
    if name:
        _ip("link", "set", near, "netns", name)
    for where, device, last in ((name, near, 2), (hub, far, 1)):
        at = ("-n", where) if where else ()
        _ip(*at, "address", "add", f"{network}.{last}/24", "dev", device)
        _ip(*at, "link", "set", device, "up")
    return f"{network}.1"


@contextlib.asynccontextmanager
async def served(by: tuple[str, ...], port: int, file: Path) -> AsyncIterator[None]:
    """Forwards `port` of the loopback behind `by` to the same port of the test, through the socket `file`."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
            writer.write_eof()

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        near_reader, near_writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.gather(pump(reader, near_writer), pump(near_reader, writer))
        finally:
            writer.close()
            near_writer.close()

    server = await asyncio.start_unix_server(join, file)
    forwarder = await asyncio.create_subprocess_exec(
        *(*by, sys.executable, "-c", _FORWARDER, str(port), str(file)), stdout=asyncio.subprocess.PIPE
    )
    assert forwarder.stdout is not None
    assert await forwarder.stdout.readline() == b"listens\n"
    try:
        yield
    finally:
        forwarder.kill()
        await forwarder.communicate()
        server.close()
