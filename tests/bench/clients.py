"""Clients with the least possible cost: lines on the pipes of a bridge, or raw HTTP directly to the server.

Both are blocking, with one thread and without a library, so that the benchmark measures only the bridge between.
"""

import os
import re
import select
import socket
import ssl
import subprocess
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

_ID = re.compile(rb'"id": ?(\d+)')
_LENGTH = re.compile(rb"Content-Length: (\d+)")
_DATA = re.compile(rb"data: (.*)\n")
_READ = 1024 * 1024


def opening(client: str = "bench") -> bytes:
    """The `initialize` of a client with this name."""
    about = b'"capabilities":{},"clientInfo":{"name":"%b","version":"1"}' % client.encode()
    return b'{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18",%b}}' % about


class Late(Exception):
    """The reply did not arrive in time."""


class Gone(Exception):
    """The other side has ended the connection or the process."""


class Client:
    """Subclasses implement `send`, `receive` and `close`; the measurements use the other methods.

    `pid` is that of a bridge, None without one.
    """

    pid: int | None = None
    _number = 0

    def send(self, message: bytes) -> None:
        raise NotImplementedError

    def receive(self, deadline: float) -> bytes:
        """Return the next message. Raises `Late` at `deadline` (`time.perf_counter`) and `Gone`."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, tool: str) -> int:
        """Send a `tools/call` and return its id."""
        self._number += 1
        call = b'{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"%b","arguments":{}}}'
        self.send(call % (self._number, tool.encode()))
        return self._number

    def answer(self, number: int, seconds: float = 60) -> bytes:
        """Return the reply to the request `number`; messages before it are skipped."""
        deadline = time.perf_counter() + seconds
        while number_of(message := self.receive(deadline)) != number:
            pass
        return message

    def call(self, tool: str, seconds: float = 60) -> float:
        """The duration of one call in seconds."""
        start = time.perf_counter()
        answer = self.answer(self.ask(tool), seconds)
        took = time.perf_counter() - start
        if b'"result"' not in answer or b'"isError":true' in answer:
            raise Gone(f"{tool} failed: {answer[:200].decode()}")
        return took

    def initialize(self, message: bytes = opening()) -> bytes:
        self.send(message)
        opened = self.answer(0)
        self.send(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
        return opened


def number_of(message: bytes) -> int | None:
    """The id of a reply to us: it is at one of its ends, so finding it costs the same for any size."""
    found = _ID.search(message, 0, 64) or _ID.search(message, max(0, len(message) - 64))
    return int(found[1]) if found and b'"method"' not in message[:64] else None


class Stdio(Client):
    """Acts as an IDE: starts a command and exchanges lines with it."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        pipe = subprocess.PIPE
        with log.open("ab") as errors:
            self._process = subprocess.Popen(argv, env=environment, stdin=pipe, stdout=pipe, stderr=errors, bufsize=0)
        self.pid = self._process.pid
        self._in = self._process.stdin.fileno()
        self._out = self._process.stdout.fileno()
        self._poll = select.poll()
        self._poll.register(self._out, select.POLLIN)
        self._lines: deque[bytes] = deque()
        self._parts: list[bytes] = []

    def send(self, message: bytes) -> None:
        rest = memoryview(message + b"\n")
        try:
            while rest:
                rest = rest[os.write(self._in, rest) :]
        except BrokenPipeError:
            raise Gone("it has closed its stdin") from None

    def receive(self, deadline: float) -> bytes:
        while not self._lines:
            if not self._poll.poll(max(0, deadline - time.perf_counter()) * 1000):
                raise Late
            self._take(os.read(self._out, _READ))
        return self._lines.popleft()

    def _take(self, chunk: bytes) -> None:
        if not chunk:
            raise Gone("it has closed its stdout")
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            self._lines.append(b"".join((*self._parts, line)))
            self._parts.clear()
        self._parts.append(rest)

    def close(self, seconds: float = 1) -> None:
        """End the process by the end of its stdin; kill it after `seconds`."""
        self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


class Direct(Client):
    """Connects without a bridge: the cost of the server, the loopback and this client."""

    def __init__(self, url: str, ca: Path | None = None) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname, parts.port)
        self._tls = ssl.create_default_context(cafile=ca) if ca else None
        self._head = (
            b"POST /mcp HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        )
        self._idle: list[socket.socket] = []
        self._busy: dict[int, tuple[socket.socket, list[bytes]]] = {}
        self._poll = select.poll()
        self._messages: deque[bytes] = deque()

    def send(self, message: bytes) -> None:
        connection = self._idle.pop() if self._idle else self._connect()
        self._busy[connection.fileno()] = (connection, [])
        connection.sendall(self._head % len(message) + message)

    def receive(self, deadline: float) -> bytes:
        while not self._messages:
            ready = self._poll.poll(max(0, deadline - time.perf_counter()) * 1000)
            if not ready:
                raise Late
            for descriptor, _ in ready:
                self._take(*self._busy[descriptor])
        return self._messages.popleft()

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(self._address)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls:
            connection = self._tls.wrap_socket(connection, server_hostname=self._address[0])
        self._poll.register(connection, select.POLLIN)
        return connection

    def _take(self, connection: socket.socket, parts: list[bytes]) -> None:
        parts.append(connection.recv(_READ))
        while self._tls and connection.pending():
            parts.append(connection.recv(_READ))
        if not parts[-1]:
            raise Gone("the server has closed the connection")
        if _is_whole(parts):
            del self._busy[connection.fileno()]
            self._idle.append(connection)
            self._messages += _messages(b"".join(parts))

    def close(self) -> None:
        for connection in (*self._idle, *(busy for busy, _ in self._busy.values())):
            connection.close()


def _is_whole(parts: list[bytes]) -> bool:
    if b"\r\n\r\n" not in parts[0]:
        parts[:] = [b"".join(parts)]
    end = parts[0].find(b"\r\n\r\n") + 4
    if end < 4:
        return False
    length = _LENGTH.search(parts[0], 0, end)
    if length:
        return sum(map(len, parts)) >= end + int(length[1])
    return b"".join(parts[-2:]).endswith(b"0\r\n\r\n")


def _messages(answer: bytes) -> list[bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"text/event-stream" in head:
        return _DATA.findall(body)
    return [body] if body else []
