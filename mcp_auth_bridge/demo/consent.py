"""The user in `demo --no-browser`: `python -m mcp_auth_bridge.demo.consent URL` clicks Allow on the page."""

import sys
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx2


class _Form(HTMLParser):
    """The target and the hidden fields of the one form on the page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = attributes["action"]
        elif tag == "input":
            self.fields[attributes["name"]] = attributes["value"]


def click_allow(url: str) -> None:
    """Click Allow on the page at `url`, and follow the redirects to the bridge's callback.

    The page of the callback comes only after the login. No proxy is used: everything is on loopback.
    """
    with httpx2.Client(follow_redirects=True, trust_env=False, timeout=30) as browser:
        page = browser.get(url).raise_for_status()
        form = _Form(page.text)
        answer = {**form.fields, "decision": "allow"}
        browser.post(urljoin(str(page.url), form.action), data=answer).raise_for_status()


if __name__ == "__main__":
    click_allow(sys.argv[1])
