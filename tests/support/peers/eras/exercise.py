"""A client of eras/ in Python: uses every feature of catalogue.json once, and prints what it saw, one JSON line each.

The two versions of the SDK differ in their clients; `Session` is what the story needs of either.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

from catalogue import CATALOGUE

LIMIT = 15
"""Seconds for one feature: only a hang lasts so long."""

PATIENCE = 2
"""Seconds until a notification is asked for again: a stream for notifications opens behind the client's back."""

Seen = dict[str, Any]


class Refused(Exception):
    """A JSON-RPC error, or an SDK's own refusal to send the request."""

    def __init__(self, code: int | str, words: str) -> None:
        super().__init__(code, words)
        self.code = code
        self.words = words


class Absent(Exception):
    """The SDK has no such feature, or the server declares none."""


class Session(Protocol):
    revision: str
    asked: list[Seen]
    logged: list[str]
    updated: list[str]
    changed: list[str]

    async def page(self, what: str, cursor: str | None) -> Mapping[str, Any]: ...
    async def call(
        self, tool: str, arguments: Seen, progress: Callable[[Seen], Awaitable[None]] | None = None
    ) -> Mapping[str, Any]: ...
    async def cancelled(self, tool: str, arguments: Seen) -> None:
        """Calls the tool and cancels the call once it reports progress."""

    async def read(self, uri: str) -> str: ...
    async def prompt(self, name: str, arguments: dict[str, str]) -> str: ...
    async def complete(self, prompt: str, argument: str, value: str) -> Sequence[str]: ...
    async def follow(self, uris: Sequence[str], *, lists: bool) -> None:
        """Asks for updates of exactly these resources, and for list changes if `lists`."""

    async def log_from(self, level: str) -> None: ...
    async def job(self) -> Seen: ...


async def exercise(session: Session) -> None:
    """The whole story. Prints a line for each feature."""
    story = Story(session)
    for feature in (
        story.tools,
        story.resources,
        story.prompts,
        story.completion,
        story.elicitation_form,
        story.elicitation_url,
        story.sampling,
        story.roots,
        story.progress,
        story.cancellation,
        story.subscriptions,
        story.list_changes,
        story.logging,
        story.pagination,
        story.tasks,
    ):
        say(feature.__name__, await _attempt(feature()))
    say("revisions", await _attempt(story.revisions()))


def say(feature: str, seen: Seen) -> None:
    sys.stdout.write(json.dumps({"feature": feature, "saw": seen}) + "\n")
    sys.stdout.flush()


async def _attempt(feature: Awaitable[Seen]) -> Seen:
    try:
        return await asyncio.wait_for(feature, LIMIT)
    except TimeoutError:
        return {"hang": LIMIT}
    except Absent as error:
        return {"absent": str(error)}
    except Refused as error:
        return {"refused": error.code, "words": error.words}
    except Exception as error:  # noqa: BLE001 (whatever an SDK raises is an observation)
        return {"raised": type(error).__name__, "words": str(error)[:300]}


async def connecting(connected: Awaitable[None]) -> None:
    """Runs a client to its end; a connection that fails is an observation too."""
    try:
        await connected
    except BaseException as error:  # noqa: BLE001 (anyio groups what a connection raises)
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        say("connection", {"raised": type(error).__name__, "words": str(error)[:300]})


def text_of(result: Mapping[str, Any]) -> str:
    return str(result["content"][0]["text"])


class Story:
    def __init__(self, session: Session) -> None:
        self._session = session

    async def _all(self, what: str) -> list[list[Any]]:
        pages, cursor = [], None
        while True:
            page = await self._session.page(what, cursor)
            pages.append(list(page[what]))
            cursor = page.get("nextCursor")
            if cursor is None:
                return pages

    async def _names(self, what: str) -> list[str]:
        return [entry["name"] for page in await self._all(what) for entry in page]

    async def _text(self, tool: str, **arguments: Any) -> str:
        return text_of(await self._session.call(tool, arguments))

    async def _code(self, request: Awaitable[Any]) -> Any:
        try:
            await request
        except Refused as refused:
            return refused.code
        return "answered"

    async def tools(self) -> Seen:
        failed = await self._session.call("fail", {})
        return {
            "names": await self._names("tools"),
            "echo": await self._text("echo", text="again"),
            "sum": (await self._session.call("add", {"a": 2, "b": 3})).get("structuredContent"),
            "region": await self._text("region", region="eu, \N{LATIN SMALL LETTER E WITH ACUTE}"),
            "failed": [failed["isError"], text_of(failed)],
            "unknown": await self._code(self._session.call("unknown", {})),
        }

    async def resources(self) -> Seen:
        return {
            "names": await self._names("resources"),
            "templates": await self._names("resourceTemplates"),
            "text": await self._session.read("memo://one"),
            "missing": await self._code(self._session.read("memo://none")),
        }

    async def prompts(self) -> Seen:
        return {
            "names": await self._names("prompts"),
            "text": await self._session.prompt("greet", {"name": "Ada"}),
        }

    async def completion(self) -> Seen:
        return {"values": list(await self._session.complete("greet", "name", "A"))}

    async def _asking(self, tool: str) -> Seen:
        self._session.asked.clear()
        return {"result": await self._text(tool), "asked": list(self._session.asked)}

    async def elicitation_form(self) -> Seen:
        seen = await self._asking("ask_form")
        seen["prompt"] = await self._session.prompt("ask", {})
        seen["resource"] = await self._session.read("memo://ask")
        together = (self._text(tool) for tool in ("ask_form", "ask_url", "ask_model", "ask_roots", "ask_form"))
        return {**seen, "together": list(await asyncio.gather(*together))}

    async def elicitation_url(self) -> Seen:
        return await self._asking("ask_url")

    async def sampling(self) -> Seen:
        return await self._asking("ask_model")

    async def roots(self) -> Seen:
        return await self._asking("ask_roots")

    async def progress(self) -> Seen:
        steps: list[Any] = []

        async def progressed(step: Seen) -> None:
            steps.append(step)

        result = await self._session.call("steps", {}, progressed)
        return {"steps": steps, "result": text_of(result)}

    async def cancellation(self) -> Seen:
        key = f"{id(self)}"
        await self._session.cancelled("wait", {"key": key})
        return {"server": await self._text("waited", key=key)}

    async def subscriptions(self) -> Seen:
        session = self._session
        await session.follow(["memo://one", "memo://two"], lists=False)
        both = await self._until(session.updated, {"memo://one", "memo://two"}, self._update_both)
        await session.follow(["memo://two"], lists=False)
        one = await self._until(session.updated, {"memo://two"}, self._update_both)
        return {"both": both, "one": one}

    async def _update_both(self) -> None:
        await self._text("update", uri="memo://one")
        await self._text("update", uri="memo://two")

    async def list_changes(self) -> Seen:
        session = self._session
        await session.follow([], lists=True)

        async def change() -> None:
            await self._text("change")

        return {"changed": await self._until(session.changed, {"tools", "prompts", "resources"}, change)}

    async def _until(self, arrived: list[str], wanted: set[str], ask: Callable[[], Awaitable[None]]) -> list[str]:
        """The distinct notifications that arrive until all of `wanted` did, or three times patience is over."""
        arrived.clear()
        for _ in range(3):
            await ask()
            for _ in range(PATIENCE * 50):
                if wanted <= set(arrived):
                    return sorted(set(arrived))
                await asyncio.sleep(0.02)
        return sorted(set(arrived))

    async def logging(self) -> Seen:
        await self._session.log_from("warning")
        self._session.logged.clear()
        result = await self._text("log")
        return {"logged": list(self._session.logged), "result": result}

    async def pagination(self) -> Seen:
        return {what: [len(page) for page in await self._all(what)] for what in ("tools", "resources", "prompts")}

    async def tasks(self) -> Seen:
        plainly = await self._text("job")  # must work with and without tasks
        return await self._session.job() if plainly == "worked" else {"plainly": plainly}

    async def revisions(self) -> Seen:
        return {"here": self._session.revision, "there": await self._text("revision")}


def answered(method: str, params: Mapping[str, Any]) -> tuple[Seen, Seen]:
    """What the user or the model answers a request of the server, and what of it the story remembers."""
    answers = CATALOGUE["answers"]
    match method:
        case "elicitation/create" if params.get("mode") == "url":
            return {"action": "accept"}, {"page": params["url"], "message": params["message"]}
        case "elicitation/create":
            asked = {"form": list(params["requestedSchema"]["properties"]), "message": params["message"]}
            return {"action": "accept", "content": answers["form"]}, asked
        case "sampling/createMessage":
            content = {"type": "text", "text": answers["model"]}
            message = params["messages"][0]["content"]
            text = (message[0] if isinstance(message, list) else message)["text"]
            return {"role": "assistant", "content": content, "model": "m"}, {"model": text, "most": params["maxTokens"]}
    return {"roots": [{"uri": answers["root"], "name": "work"}]}, {"roots": True}


def target() -> Seen:
    """The last argument: {"url": …} or {"command": […], "environment": {…}}."""
    with suppress(IndexError):
        return dict(json.loads(sys.argv[-1]))
    raise SystemExit(__doc__)
