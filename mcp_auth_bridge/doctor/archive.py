"""Each OAuth document fetched once, however many checks and flows ask for it, with the redirects on the way to it."""

from functools import partial

import anyio
import msgspec

from mcp_auth_bridge.doctor.once import Once
from mcp_auth_bridge.effects import Fetch, Response
from mcp_auth_bridge.errors import TRY_AGAIN, BridgeError, Overdue, printable, quoted
from mcp_auth_bridge.http_syntax import media_type
from mcp_auth_bridge.oauth import documents
from mcp_auth_bridge.oauth.error_text import redacted, sentence
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.shell.net.oauth_http import OAuthHttp
from mcp_auth_bridge.urls import Url

PATIENCE = 4.0
"""Seconds for one document. Two of them follow each other: the resource's, then its authorization server's."""

_LONGEST_LINE = 100  # characters
_LONGEST_KIND = 60
_REDIRECTS = range(300, 400)


class Fetched(msgspec.Struct, frozen=True):
    """What one address answers to a GET or to OPTIONS."""

    url: Url
    # The first response, a redirect for example; None if there is none.
    response: Response | None = None
    # The response after the redirects within the origin; None if there is none.
    document: Response | None = None
    # Why there is no document, None if there is one.
    error: BridgeError | None = None

    @property
    def place(self) -> str:
        """The address without its query."""
        return f"{self.url.origin}{self.url.path}"

    @property
    def in_words(self) -> str:
        """The status, the media type and the first line of the response, and where it redirects to."""
        if self.response is None:
            return self.error.message if self.error is not None else "no answer"
        first = describe(self.response)
        if self.document is self.response:
            return first
        end = describe(self.document) if self.document is not None else "which is not followed"
        return f"HTTP {self.response.status} → {quoted(self.response.header('location'))}: {end}"

    @property
    def is_walled(self) -> bool:
        """Whether a firewall answers in place of the server: a page with 403 (claude-code #72673)."""
        return self.response is not None and self.response.status == 403 and documents.is_page(self.response)

    @property
    def is_down(self) -> bool:
        """Whether it says nothing about the address: it cannot be reached, or its server fails."""
        if self.document is not None:
            return self.document.status >= 500 or self.document.status == 429
        return self.response is None


def describe(response: Response) -> str:
    """The status, the media type and the first line, or a page's title, of `response`."""
    kind = media_type(response.header("content-type"))
    text = sentence(kind, response.body) if documents.is_page(response) else ""
    line = text or next(iter(response.body[: 4 * _LONGEST_LINE].decode(errors="replace").strip().splitlines()), "")
    said = f" {quoted(redacted(line, response.secrets), _LONGEST_LINE)}" if line else ""
    shown = printable(kind[:_LONGEST_KIND])
    return f"HTTP {response.status}{f' {shown}' if shown else ''}{said}"


class Archive:
    """Performs each request once, and gives every later caller the same answer.

    Only GET, OPTIONS and a POST without content are sent: an examination changes nothing.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._answers: dict[tuple[str, str], Once[Fetched]] = {}

    async def fetch(self, effect: Fetch) -> Response:
        """Perform `effect`, as the contract of `Fetcher` says. Raises any `BridgeError`."""
        answer = await self.answer(effect)
        found = answer.document if effect.redirects else answer.response
        if found is not None:
            return found
        assert answer.error is not None, "there is a document, or a reason"  # noqa: S101 - a fact, not a check
        raise answer.error

    async def answer(self, effect: Fetch) -> Fetched:
        """What the address of `effect` answers. Raises nothing: an error is part of the answer."""
        key = (effect.method if effect.form is None else "POST", str(effect.url))
        return await self._answers.setdefault(key, Once(partial(self._ask, effect)))()

    async def _ask(self, effect: Fetch) -> Fetched:
        if effect.form or effect.document is not None or effect.method == "DELETE":
            raise AssertionError
        response, http = None, OAuthHttp(self._network)
        try:
            with anyio.fail_after(PATIENCE):
                response = await http.fetch(msgspec.structs.replace(effect, redirects=0))
                followed = response.status in _REDIRECTS and effect.redirects
                document = await http.fetch(effect) if followed else response
        except TimeoutError:
            late = Overdue(f"{effect.url.origin} did not answer within {PATIENCE:g} seconds", TRY_AGAIN)
            return Fetched(effect.url, response, None, late)
        except BridgeError as error:
            return Fetched(effect.url, response, None, error)
        finally:
            await http.aclose()
        return Fetched(effect.url, response, document)
