"""The callback's pages: static, escaped, and with what to do next."""

import re

import pytest

from mcp_auth_bridge.shell.browser import pages

ALL = {
    "nothing here": pages.NOT_FOUND,
    "opened": pages.OPENED,
    "success": pages.success("acme", "mia@example.com"),
    "failure": pages.failure("the login was denied", "run: mcp-auth-bridge login acme"),
}


@pytest.mark.parametrize("page", ALL.values(), ids=ALL)
def test_no_page_runs_or_fetches_anything(page):
    text = page.decode()
    assert text.startswith("<!doctype html>")
    assert not re.search(r"<script|<img|<link|<iframe|src=|href=|url\(|@import| on\w+=", text)


@pytest.mark.parametrize("page", ALL.values(), ids=ALL)
def test_every_page_says_who_shows_it_and_what_to_do(page):
    text = page.decode()
    assert '<p class="name">mcp-auth-bridge</p>' in text
    assert '<p class="quiet">' in text


def test_success_names_the_server_and_the_account_if_it_is_known():
    assert "You are signed in to acme as mia@example.com." in pages.success("acme", "mia@example.com").decode()
    assert "You are signed in to acme.<" in pages.success("acme", "").decode()


def test_words_of_a_server_cannot_become_part_of_the_page():
    text = pages.failure("<script>alert(1)</script>", "").decode()
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "<script>" not in pages.success("<script>", "<b>").decode()


def test_a_message_becomes_a_sentence_and_a_hint_that_is_missing_no_paragraph():
    text = pages.failure("the login was denied", "").decode()
    assert "<p>The login was denied.</p>" in text
    assert text.count("<p>") == 1


def test_a_host_name_at_the_beginning_keeps_its_first_letter():
    assert "<p>as.example refused it.</p>" in pages.failure("as.example refused it", "").decode()
    assert "<p>Done already.</p>" in pages.failure("done already.", "").decode()


def test_a_command_in_a_hint_stands_apart_so_that_it_can_be_copied():
    text = pages.failure("x", "run: mcp-auth-bridge login 'acme'").decode()
    assert "<p>Run:<code>mcp-auth-bridge login &#x27;acme&#x27;</code></p>" in text
