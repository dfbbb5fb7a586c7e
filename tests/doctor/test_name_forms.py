"""A name is recognised in each of its spellings and encodings."""

import base64
import re

import pytest

from mcp_auth_bridge.doctor.name_forms import encoded_forms, spelled_forms


def is_spelled(name, text):
    return any(re.fullmatch(form, text, re.IGNORECASE) for form in spelled_forms(name))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("jane", "JANE"),
        ("jane", "j%61ne"),
        ("jane doe", "jane%20doe"),
        ("jane/doe", "jane%2fdoe"),
        ('"jane"', '\\"jane\\"'),
        ("bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "bücher.example"),
        ("bücher", "b\\u00fccher"),
        ("bücher", "b%C3%BCcher"),
        ("straße", "STRASSE"),
        ("smile \U0001f600", "smile \\ud83d\\ude00"),
        ("\ud800abc", "\ud800abc"),
    ],
)
def test_a_spelling_is_recognised(name, text):
    assert is_spelled(name, text)


def test_a_name_that_is_no_host_has_no_international_form():
    assert is_spelled("." * 70, "." * 70)
    assert is_spelled("ü" * 70, "ü" * 70)


def test_another_name_is_not_recognised():
    assert not is_spelled("jane", "jan")
    assert not is_spelled("jane", "janet")


@pytest.mark.parametrize("before", [b"", b"a", b"ab", b"abc"])
@pytest.mark.parametrize("after", [b"", b"y", b"yz"])
def test_base64_of_a_text_with_the_name_holds_one_of_its_forms(before, after):
    name = "jane.doe?>"
    text = before + name.encode() + after
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        assert any(form in encode(text).decode() for form in encoded_forms(name))
    assert any(form in text.hex() for form in encoded_forms(name))
    assert any(form in text.hex().upper() for form in encoded_forms(name))


def test_a_form_of_a_few_characters_would_be_found_anywhere():
    assert all(len(form) >= 6 for form in encoded_forms("abc"))
    assert encoded_forms("a") == []
