"""A browser without a screen: it follows the authorization URL, presses "Allow", delivers the callback, reads the page.

python browser.py [--log FILE] [--fill NAME=VALUE]… URL

VALUE goes into each form that has a field NAME: a user name and password, or an answer.

Each launch appends one JSON line to the log (or to the file named by BROWSER_LOG): the final page's status, title and
URL without its query. It holds the log's lock meanwhile: a test that gets the lock after a login reads the result of
its browser.
"""

import argparse
import html.parser
import json
import os
import sys
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin, urlsplit
from urllib.request import (
    HTTPCookieProcessor,
    HTTPRedirectHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    build_opener,
)

from filelock import FileLock

FORMS_AT_MOST = 5


class Page(html.parser.HTMLParser):
    """The parts of a page that the browser needs: title and first form, with "allow" or each field's first value."""

    def __init__(self, status: int, url: str, text: str) -> None:
        super().__init__()
        self.status, self.url, self.text = status, url, text
        self.title = ""
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self._in_title = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self._in_title = tag == "title"
        if tag == "form" and self.action is None:
            self.action = urljoin(self.url, values.get("action", ""))
        elif tag in ("input", "button") and self.action and values.get("name"):
            if values.get("value") == "allow":
                self.fields[values["name"]] = "allow"
            self.fields.setdefault(values["name"], values.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        self._in_title = self._in_title and tag != "title"

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data


class Redirects(HTTPRedirectHandler):
    """Follows redirects as urllib does, and re-posts a form after 307 and 308 as browsers do, with Origin: null."""

    def redirect_request(self, req: Request, fp: Any, code: int, *rest: Any) -> Request | None:
        if code not in (307, 308) or req.data is None:
            return super().redirect_request(req, fp, code, *rest)
        onward = Request(rest[-1], req.data, {"Content-Type": "application/x-www-form-urlencoded"})
        onward.add_unredirected_header("Origin", "null")
        onward.add_unredirected_header("Sec-Fetch-Dest", "document")
        return onward


def load(opener: OpenerDirector, url: str, fields: dict[str, str] | None = None) -> Page:
    """GET, or POST `fields`; follows redirects and returns error pages like other pages."""
    data = urlencode(fields).encode() if fields is not None else None
    try:
        answer: Any = opener.open(url, data, timeout=30)
    except HTTPError as error:
        answer = error
    with answer:
        return Page(answer.status, answer.url, answer.read().decode("utf-8", "replace"))


def browse(url: str, **filled: str) -> Page:
    """Returns the last page: the one without a form to approve."""
    opener = build_opener(ProxyHandler({}), HTTPCookieProcessor(CookieJar()), Redirects())
    page = load(opener, url)
    for _ in range(FORMS_AT_MOST):
        if page.action is None or page.status >= 400:
            return page
        page = load(opener, page.action, {name: filled.get(name, value) for name, value in page.fields.items()})
    raise RuntimeError(f"more than {FORMS_AT_MOST} forms in a row")


def outcome(url: str, filled: dict[str, str]) -> dict[str, Any]:
    try:
        page = browse(url, **filled)
    except OSError as error:  # only the log reports to the test
        return {"status": None, "title": "", "url": "", "error": str(error)}
    return {
        "status": page.status,
        "title": page.title.strip().removesuffix(" - mcp-auth-bridge"),
        "url": urlsplit(page.url)._replace(query="").geturl(),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--log", type=Path, default=os.environ.get("BROWSER_LOG"))
    parser.add_argument("--fill", type=lambda text: text.partition("=")[::2], action="append", default=[])
    parser.add_argument("url")
    arguments = parser.parse_args()
    filled = dict(arguments.fill)
    if arguments.log is None:
        sys.stdout.write(json.dumps(outcome(arguments.url, filled)) + "\n")
        return
    with FileLock(f"{arguments.log}.lock"), Path(arguments.log).open("a", encoding="utf-8") as log:
        log.write(json.dumps(outcome(arguments.url, filled)) + "\n")


if __name__ == "__main__":
    main()
