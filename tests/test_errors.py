"""Errors: words for people, codes for programs, and foreign text that passes through both."""

import errno
import inspect
import re
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge import errors
from mcp_auth_bridge.cli import manual
from mcp_auth_bridge.errors import (
    BridgeError,
    CredentialRefused,
    EraRefused,
    GrantEnded,
    OAuthRefused,
    OutcomeUnknown,
    Sent,
    SessionLost,
    Unreachable,
    UpstreamFailed,
    WrongEra,
    copyable_url,
    error_data,
    internal_error,
    os_error_text,
    quoted,
    shell_quoted,
    unclear,
)

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, BridgeError)]


def test_the_tree_in_the_docstring_is_the_tree_in_the_code():
    drawn = {}
    for line in errors.__doc__.splitlines():
        words = line.replace("│", " ").replace("├──", " ").replace("└──", " ").split()
        if len(words) > 3 and words[1] == "exit":
            drawn[words[0]] = (int(words[2]), int(words[3]) if words[3].startswith("-") else None)
    real = {kind.__name__: (kind.exit_code, kind.rpc_code) for kind in KINDS}
    assert set(drawn) == set(real)
    for name, (exit_code, rpc_code) in real.items():
        assert drawn[name] in ((exit_code, rpc_code), (exit_code, None)), name


def test_every_code_is_json_rpcs_own_or_in_its_range_for_implementations():
    for kind in KINDS:
        assert 1 <= kind.exit_code <= 15
        assert -32603 <= kind.rpc_code <= -32600 or -32099 <= kind.rpc_code <= -32000


def test_the_hint_of_an_unclear_error_ends_once_with_the_command_that_finds_its_cause():
    for hint, words in (("look", "look; to find the cause, run: doctor x"), ("", "run: doctor x")):
        error = unclear(Unreachable("it is silent", hint))
        error.refer_to("doctor x")
        error.refer_to("doctor x")
        assert error.hint == words
    clear = Unreachable("it refuses", "start it")
    clear.refer_to("doctor x")
    assert clear.hint == "start it"


def test_a_refusal_is_unclear_unless_the_token_shows_its_cause():
    unclear_kinds = {kind.__name__ for kind in KINDS if kind.has_unclear_cause}
    assert unclear_kinds == {"CredentialRefused", "WrongAudience", "UnknownIssuer", "NoLoginOffered"}


def test_only_an_unsent_request_is_safe_to_repeat():
    assert Unreachable("x").retry_safe
    assert not OutcomeUnknown("x").retry_safe
    assert {kind.sent for kind in KINDS} == set(Sent)


def test_a_program_gets_the_members_by_which_it_decides():
    limited = UpstreamFailed("x", "wait", status=429, retry_after=1.5)
    assert error_data(limited) == {
        "code": "upstream_http",
        "sent": "no",  # a refusal, not an execution
        "retry_safe": True,
        "action": "wait",
        "status": 429,
        "retry_after_ms": 1500,
    }
    assert error_data(UpstreamFailed("x", status=503))["sent"] == "yes"
    assert error_data(CredentialRefused("x", facts={"aud": ["y"]}))["aud"] == ["y"]
    era = error_data(WrongEra("x", supported=["1", "2"], requested="3"))
    assert (era["supported"], era["requested"], era["action"]) == (
        ["1", "2"],
        "3",
        "use a client that speaks one of: 1, 2",
    )


def test_an_error_of_an_authorization_server_keeps_its_code_and_its_sentence():
    refused = OAuthRefused("x", error="invalid_scope", status=400, said=": no")
    assert (refused.error, refused.status, refused.said) == ("invalid_scope", 400, ": no")
    assert error_data(refused)["status"] == 400
    ended = GrantEnded("x", error="invalid_grant", said=": gone")
    assert (ended.error, ended.said) == ("invalid_grant", ": gone")


def test_a_clause_that_is_added_is_part_of_the_message():
    error = BridgeError("a")
    error.add(", b")
    assert (error.message, str(error)) == ("a, b", "a, b")


def test_an_operating_systems_error_is_told_without_its_path():
    assert (
        os_error_text(FileNotFoundError(errno.ENOENT, "No such file or directory", "/secret"))
        == "no such file or directory"
    )
    assert os_error_text(TimeoutError()) == "timeouterror"


HOSTILE = "\x1b[2J\x07\x9b1m\u202eevil\u200b\ufeff\U000e0041\r\n\x00\x7f"


def test_foreign_text_loses_everything_that_moves_a_cursor_or_hides():
    assert quoted(f"a{HOSTILE}b") == "“a [2J 1m evil b”"
    assert quoted("x" * 300, 10) == "“xxxxxxxxxx…”"
    assert quoted("") == "“”"


@given(st.text())
def test_text_in_a_command_to_copy_is_one_word_of_the_shell(text):
    assert shlex.split(shell_quoted(text)) == [text]


@pytest.mark.parametrize(
    "plain", ["acme", "https://mcp.acme.example:8443/mcp", "/run/secrets/key_1.pem", "a+b,c%20@d="]
)
def test_most_words_need_no_quotation(plain):
    assert shell_quoted(plain) == plain
    assert shell_quoted(f"{plain}?a=1&b") == f"'{plain}?a=1&b'"


@pytest.mark.parametrize("url", ["https://as.example", "https://as.example:8443/a%20b", "https://[2001:db8::1]/t"])
def test_a_servers_url_without_shell_characters_may_be_copied(url):
    assert copyable_url(url) == url


@given(st.text(alphabet="$`'\"();&|<>*!?{}\\ \n\t^~#", min_size=1), st.text())
def test_a_servers_url_with_shell_characters_is_never_part_of_a_command(evil, text):
    assert copyable_url(f"https://as.example/{text}{evil}") == "…"


@given(st.text(), st.integers(1, 300))
def test_quoted_text_is_always_one_short_printable_line(text, limit):
    shown = quoted(text, limit)
    assert shown[0] + shown[-1] == "“”"
    assert len(shown) <= limit + 3
    assert not any(ord(char) in errors._UNPRINTABLE for char in shown)
    assert len(shown.splitlines()) == 1


def test_a_bug_is_named_by_class_and_place_without_its_text():
    with pytest.raises(KeyError) as raised:
        {}["hunter2"]
    told = internal_error(raised.value)
    assert "KeyError" in told.message
    assert "test_errors:" in told.message
    assert "hunter2" not in told.message + told.hint
    assert "(ValueError)" in internal_error(ValueError("hunter2")).message


def test_every_exit_code_is_in_the_help():
    missing = [kind for kind in KINDS if not re.search(rf"(^|\s){kind.exit_code} [a-z.]", manual._EPILOG)]
    assert missing == []


def test_a_bug_is_named_by_the_innermost_place_of_its_trace_and_never_by_its_text():
    def inner():
        raise ValueError("hunter2")

    with pytest.raises(ValueError, match="hunter2") as caught:
        inner()
    error = internal_error(caught.value)
    assert f"{__name__}:{inner.__code__.co_firstlineno + 1})" in error.message
    assert "ValueError" in error.message
    assert "hunter2" not in error.message


def test_a_refused_era_carries_the_error_to_report_if_the_other_is_refused_too():
    cause = UpstreamFailed("no such page", "check the URL", status=404)
    refused = EraRefused(cause)
    assert (refused.message, refused.hint, refused.cause) == ("no such page", "check the URL", cause)


def test_a_lost_session_keeps_the_answer_of_the_server():
    assert SessionLost("lost", answer=b"{}").answer == b"{}"
    assert SessionLost("lost").answer is None
