"""The start and end of every Python peer: a free loopback port, one JSON line when ready, an end when stdin closes."""

import asyncio
import json
import os
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

import uvicorn


def serve(build: Callable[[str], Any]) -> None:
    """Serve `build(origin)`, an ASGI application, until stdin closes: a peer never outlives its test."""
    listener = socket.create_server(("127.0.0.1", 0))
    origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = uvicorn.Config(build(origin), log_level="warning", access_log=False)
    ready = {"url": f"{origin}/mcp", "origin": origin, "control": f"{origin}/__control"}
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))


def _end_with_stdin() -> None:
    sys.stdin.buffer.read()
    os._exit(0)  # open event streams must not delay the end
