"""The pages that the loopback callback shows: static, without scripts, and without anything from another server."""

import re
from html import escape

from mcp_auth_bridge.shell.console.text_layout import split_command

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
  :root {{ color-scheme: light dark; --mark: {mark};
           --ink: #1b1f24; --paper: #f6f7f9; --card: #fff; --quiet: #5b6470; }}
  @media (prefers-color-scheme: dark) {{
    :root {{ --ink: #eceff3; --paper: #14171b; --card: #1d2126; --quiet: #9aa4b0; }}
  }}
  body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--paper); color: var(--ink);
         font: 17px/1.55 system-ui, sans-serif; }}
  main {{ max-width: 30rem; margin: 1.5rem; padding: 2.25rem 2.5rem; background: var(--card); border-radius: 14px;
         border-top: 5px solid var(--mark); box-shadow: 0 8px 30px rgb(0 0 0 / .09); overflow-wrap: anywhere; }}
  h1 {{ margin: 0 0 .6rem; font-size: 1.4rem; }}
  i {{ float: right; width: 2.2rem; border-radius: 50%; background: var(--mark); color: #fff; text-align: center;
      font: 700 1.25rem/2.2rem system-ui, sans-serif; }}
  p {{ margin: .5rem 0; }}
  code {{ display: block; margin: .5rem 0; padding: .5rem .7rem; border-radius: 6px; background: var(--paper);
         font: .9rem/1.5 ui-monospace, monospace; }}
  .name {{ margin: 0 0 .4rem; color: var(--quiet); font-size: .85rem; letter-spacing: .02em; }}
  .quiet {{ color: var(--quiet); font-size: .93rem; }}
</style>
<main><i aria-hidden="true">{sign}</i><p class="name">mcp-auth-bridge</p><h1>{title}</h1>{paragraphs}</main>
"""


def _page(title: str, sign: str, mark: str, *paragraphs: str, quiet: str) -> bytes:
    body = "".join(map(_paragraph, filter(None, paragraphs)))
    body += f'<p class="quiet">{escape(quiet)}</p>'
    return _PAGE.format(title=escape(title), sign=sign, mark=mark, paragraphs=body).encode()


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
    "?",
    "#7b838d",
    "This address belongs to a login that mcp-auth-bridge is waiting for.",
    quiet="If you came from a login, go back to its tab and try again.",
)


OPENED = _page(
    "Opened already",
    "?",
    "#7b838d",
    "This address leads to a login, and it works once. A browser has followed it already.",
    quiet="If that was not you, press Ctrl-C where the login began, and log in again.",
)


def success(server: str, account: str) -> bytes:
    """The page of a login that succeeded, shown only after the token was issued, stored and proven."""
    who = f"You are signed in to {server}{f' as {account}' if account else ''}."
    quiet = "You can close this tab and go back to what you were doing."
    return _page("Signed in", "✓", "#23854f", who, quiet=quiet)


def failure(message: str, hint: str) -> bytes:
    """The page of a login that failed."""
    quiet = "You can close this tab. The same message is in the terminal, or in the program that asked for the login."
    return _page("The login did not succeed", "!", "#c93a36", message, hint, quiet=quiet)
