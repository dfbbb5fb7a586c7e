"""The frame of all pages: one stylesheet, which their policy allows by its hash, and nothing else."""

import base64
import hashlib
import re

import pytest

from mcp_auth_bridge.demo import pages as demo_pages
from mcp_auth_bridge.shell.browser import page_frame, pages

PAGES = {
    "opened": pages.OPENED.decode(),
    "success": pages.success("acme", "mia").decode(),
    "failure": pages.failure("it was denied", "").decode(),
    "the demo's": demo_pages.refusal_page("the ticket is spent"),
}


def style(page):
    found = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_the_policy_of_a_page_allows_its_stylesheet_and_nothing_else(page):
    digest = base64.b64encode(hashlib.sha256(style(page).encode()).digest()).decode()
    assert page_frame.policy() == (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
    )
    assert not re.search(r"<script|<img|<link|<iframe|src=|href=|url\(|@import| on\w+=| style=", page)


def test_all_pages_are_one_family_with_the_name_of_the_product():
    assert len({style(page) for page in PAGES.values()}) == 1
    for page in PAGES.values():
        assert re.search(r"<title>[^<]+ - mcp-auth-bridge</title>", page)
        assert re.search(r'<p class="name">mcp-auth-bridge( demo)?</p>', page)


def test_a_form_may_send_only_where_the_page_says():
    assert "form-action 'self' http://127.0.0.1:4711;" in page_frame.policy("'self'", "http://127.0.0.1:4711")


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_a_screen_reader_finds_a_language_a_landmark_and_one_heading_and_no_decoration(page):
    assert '<html lang="en">' in page
    assert page.count("<main") == page.count("<h1>") == 1
    assert all('aria-hidden="true"' in sign for sign in re.findall(r"<i[ >].*?</i>", page))
    assert 'name="viewport"' in page
    assert "user-scalable" not in page


def luminance(colour):
    """The relative luminance of `#rgb` or `#rrggbb` (WCAG 2.2)."""
    digits = colour[1:] if len(colour) == 7 else "".join(each * 2 for each in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_words_have_contrast_in_light_and_dark():
    light, dark = (
        dict(re.findall(r"--([\w-]+): (#\w+)", text)) for text in re.findall(r"(:root \{.*?\})", css(), re.DOTALL)
    )
    assert light.keys() == dark.keys()
    for colours in (light, dark):
        pairs = [(ink, paper) for ink in ("ink", "quiet") for paper in ("paper", "card")]
        pairs += [(mark, "card") for mark in ("good", "bad", "neutral")] + [("on-accent", "accent")]
        for pair in pairs:
            bright, deep = sorted((luminance(colours[name]) for name in pair), reverse=True)
            assert (bright + 0.05) / (deep + 0.05) >= 4.5, pair


def css():
    assert "@media (prefers-color-scheme: dark)" in style(PAGES["success"])
    return style(PAGES["success"])


def test_words_of_others_are_escaped_in_heading_title_and_name():
    page = page_frame.page("<b>", "", name="<i>", sign="<u>")
    assert not re.search("<b>|<u>|<i>", page)
