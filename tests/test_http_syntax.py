"""Tokens, field values, media types, `Retry-After` and base64url: what is one, and what only looks like one."""

import pytest

from mcp_auth_bridge import __version__
from mcp_auth_bridge.http_syntax import (
    LONGEST_ID,
    USER_AGENT,
    first_value,
    from_base64url,
    is_field_value,
    is_id,
    is_token,
    media_type,
    retry_after,
    to_base64url,
)

DATE = "Sat, 21 Nov 2026 10:00:00 GMT"


@pytest.mark.parametrize("text", ["X-Acme-Org", "a", "0", "!#$%&'*+-.^_`|~"])
def test_a_token_names_a_header(text):
    assert is_token(text)


@pytest.mark.parametrize("text", ["", " a", "a ", "a:", "a b", "a\n", "a/b", 'a"', "(a)", "ä", "a=b", "a;b", "a,b"])
def test_separators_white_space_and_other_alphabets_are_not_in_a_token(text):
    assert not is_token(text)


@pytest.mark.parametrize("text", ["a", "!~", "0" * LONGEST_ID])
def test_an_id_of_a_server_is_visible_ascii_of_nearly_any_length(text):
    assert is_id(text)


@pytest.mark.parametrize("text", ["", "a b", "a\n", "\x7f", "é", "0" * (LONGEST_ID + 1)])
def test_another_text_or_one_that_fills_a_request_is_not_an_id(text):
    assert not is_id(text)


def test_the_bridge_names_itself_and_its_version():
    assert f"mcp-auth-bridge/{__version__}" == USER_AGENT


@pytest.mark.parametrize("text", ["", "a", "a b", "a\tb", "Bearer x.y~z", '"quoted"'])
def test_a_header_carries_printable_ascii(text):
    assert is_field_value(text)


@pytest.mark.parametrize("text", [" ", " a", "a ", "\ta", "a\t", "a\n", "a\r\nb: c", "a\0", "a\x7f", "ä", "a\x85"])
def test_a_header_does_not_carry_line_ends_or_outer_white_space(text):
    assert not is_field_value(text)


def test_the_first_of_several_values_counts():
    assert first_value({"a": ("1", "2")}, "a") == "1"
    assert first_value({"a": ()}, "a") == ""
    assert first_value({}, "a") == ""


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        ("application/json", "application/json"),
        ("Text/HTML; charset=utf-8", "text/html"),
        (" text/event-stream ;x", "text/event-stream"),
        (";charset=utf-8", ""),
        ("", ""),
    ],
)
def test_a_media_type_is_lower_case_and_without_parameters(field, kind):
    assert media_type(field) == kind


@pytest.mark.parametrize(
    ("field", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("99999999999999", 999999999.0),
        ("Sat, 21 Nov 2026 10:00:30 GMT", 30.0),
        ("Sat, 21 Nov 2026 09:00:00 GMT", 0.0),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("\xb2", None),
        ("٣", None),
        ("", None),
    ],
)
def test_retry_after_is_a_number_of_seconds_or_a_date(field, seconds):
    assert retry_after({"retry-after": (field,), "date": (DATE,)}) == seconds


@pytest.mark.parametrize("headers", [{}, {"date": ("today",)}, {"date": ("Sat, 21 Nov 2026 10:00:00 -0000",)}])
def test_a_date_without_the_date_of_its_response_says_nothing(headers):
    assert retry_after({"retry-after": ("Sat, 21 Nov 2026 10:00:30 GMT",), **headers}) is None


@pytest.mark.parametrize(
    ("data", "text"), [(b"", ""), (b"\xfb", "-w"), (b"\xff\xff", "__8"), (b"abc", "YWJj"), (b"abcd", "YWJjZA")]
)
def test_base64url_has_no_padding(data, text):
    assert to_base64url(data) == text
    assert from_base64url(text) == data


@pytest.mark.parametrize("text", ["a", "YW Jj", "YW=Jj", "YWJj\n", "ä"])
def test_text_outside_of_base64url_is_refused(text):
    with pytest.raises(ValueError):
        from_base64url(text)
