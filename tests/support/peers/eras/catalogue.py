"""What every server of eras/ serves, from catalogue.json, for both versions of the Python SDK."""

import asyncio
import json
from pathlib import Path
from typing import Any

CATALOGUE: dict[str, Any] = json.loads(Path(__file__).with_name("catalogue.json").read_text())
LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]
STEP = 0.05
"""Seconds that a step of the tool `steps` takes. The TypeScript SDK's clients on stdio lose a progress notification
that they read together with the result: they handle the result at once and notifications a microtask later."""


def page_of(what: str, cursor: str | None) -> dict[str, Any]:
    """One page of the list `what`; a cursor is opaque to clients, and here the number of the first entry."""
    start, size = int(cursor or 0), CATALOGUE["pageSize"]
    rest = {} if start + size >= len(CATALOGUE[what]) else {"nextCursor": str(start + size)}
    return {what: CATALOGUE[what][start : start + size], **rest}


def memo(uri: str) -> str | None:
    """The text of a resource, None if there is none."""
    names = {entry["uri"]: entry["name"] for entry in CATALOGUE["resources"]}
    return f"memo {names[uri]}" if uri in names else None


def answer_of(key: str, result: dict[str, Any]) -> str:
    """The text of a tool that asked the client for something: what it was answered."""
    match key:
        case "form":
            return f"form: {result['action']} {(result.get('content') or {}).get('name')}"
        case "url":
            return f"url: {result['action']}"
        case "model":
            return f"model: {result['content']['text']}"
    return "roots: " + " ".join(root["uri"] for root in result["roots"])


class Waits:
    """The calls of `wait`, which end when they are cancelled, and how each ended."""

    def __init__(self) -> None:
        self._ends: dict[str, asyncio.Future[str]] = {}

    def _end(self, key: str) -> "asyncio.Future[str]":
        return self._ends.setdefault(key, asyncio.get_running_loop().create_future())

    async def wait(self, key: str) -> None:
        try:
            await asyncio.sleep(30)
        except BaseException:
            self._end(key).set_result("cancelled")
            raise
        self._end(key).set_result("not cancelled")

    async def outcome(self, key: str) -> str:
        done, _ = await asyncio.wait([self._end(key)], timeout=5)
        return self._end(key).result() if done else "not cancelled"
