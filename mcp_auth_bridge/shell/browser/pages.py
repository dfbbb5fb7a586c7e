"""The pages that the loopback callback shows: static, without scripts, and without anything from another server."""

import re
from html import escape

from mcp_auth_bridge.shell.browser.page_frame import page
from mcp_auth_bridge.shell.console.text_layout import split_command


def _page(title: str, kind: str, sign: str, *paragraphs: str, quiet: str) -> bytes:
    body = "".join(map(_paragraph, filter(None, paragraphs)))
    return page(title, f'{body}<p class="quiet">{escape(quiet)}</p>', kind=kind, sign=sign).encode()


def _paragraph(text: str) -> str:
    """`text` as a sentence in HTML; a command at its end gets a block of its own, so that it can be copied."""
    sentence, command = split_command(text)
    code = f"<code>{escape(command)}</code>" if command else ""
    return f"<p>{escape(_sentence(sentence))}{code}</p>"


def _sentence(text: str) -> str:
    """`text` with a capital letter and a full stop; a host name or URL at its beginning keeps its first letter."""
    first = text.partition(" ")[0]
    begun = text if re.search(r"[.:/]", first.rstrip(":")) else f"{text[:1].upper()}{text[1:]}"
    return begun if begun.endswith((".", ":")) else f"{begun}."


NOT_FOUND = _page(
    "Nothing here",
    "neutral",
    "?",
    "This address belongs to a login that mcp-auth-bridge is waiting for.",
    quiet="If you came from a login, go back to its tab and try again.",
)


OPENED = _page(
    "Opened already",
    "neutral",
    "?",
    "This address leads to a login, and it works once. A browser has followed it already.",
    quiet="If that was not you, press Ctrl-C where the login began, and log in again.",
)


def success(server: str, account: str) -> bytes:
    """The page of a login that succeeded, shown only after the token was issued, stored and proven."""
    who = f"You are signed in to {server}{f' as {account}' if account else ''}."
    quiet = "You can close this tab and go back to what you were doing."
    return _page("Signed in", "good", "✓", who, quiet=quiet)


def failure(message: str, hint: str) -> bytes:
    """The page of a login that failed."""
    quiet = "You can close this tab. The same message is in the terminal, or in the program that asked for the login."
    return _page("The login did not succeed", "bad", "!", message, hint, quiet=quiet)
