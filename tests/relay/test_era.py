"""Which replies and errors prove an era, and which say nothing about it."""

import pytest
from relaying import answer, message, request

from mcp_auth_bridge.errors import (
    CredentialRefused,
    LimitExceeded,
    LoginRequired,
    OutcomeUnknown,
    Overdue,
    TheirProtocolError,
    Unreachable,
    UpstreamFailed,
    UrlRefused,
)
from mcp_auth_bridge.relay.era import (
    Era,
    is_doubtful,
    is_modern,
    may_be_refused_unread,
    may_mean_other_era,
    refused_discover_error,
    refused_initialize_error,
    refused_request_error,
    remembered_as,
    remembered_era,
)


def error(code, said="no", **data):
    return {"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": said, **({"data": data} if data else {})}}


@pytest.mark.parametrize(
    "discovery",
    [
        answer(1, {"supportedVersions": ["2026-07-28"]}),
        answer(1, {"supportedVersions": ["2025-11-25", "2026-07-28", 5]}),
        error(-32022),
        error(-32022, supported=["2026-07-28"]),
        error(-32020),
        error(-32021),
    ],
)
def test_a_server_that_names_a_modern_version_or_uses_a_modern_code_is_modern(discovery):
    assert is_modern(message(discovery))


@pytest.mark.parametrize(
    "discovery",
    [
        error(-32601),
        error(-32000),
        answer(1, {}),
        answer(1, []),
        {"jsonrpc": "2.0", "id": 1, "result": None},
        answer(1, {"supportedVersions": 5}),
        answer(1, {"supportedVersions": []}),
        answer(1, {"supportedVersions": ["2025-11-25", {}]}),
        error(-32022, supported=["2025-11-25"]),
        error(-32022, supported="2026-07-28"),
    ],
)
def test_any_other_reply_to_discover_is_not_a_modern_servers(discovery):
    assert not is_modern(message(discovery))


@pytest.mark.parametrize("code", [-32600, -32601, -32000, -32001])
@pytest.mark.parametrize("method", ["tools/call", "tools/list"])
def test_protocol_code_refuses_a_message_of_the_wrong_era_with_these_codes(code, method):
    assert is_doubtful(message(request(1, method)), message(error(code)))


def test_invalid_params_may_come_from_a_tool_and_otherwise_from_protocol_code():
    assert is_doubtful(message(request(1, "tools/list")), message(error(-32602)))
    assert not is_doubtful(message(request(1, "tools/call")), message(error(-32602)))


@pytest.mark.parametrize("reply", [error(-32022), error(-32603), error(5), answer(1)])
def test_other_replies_raise_no_doubt(reply):
    assert not is_doubtful(message(request(1, "tools/list")), message(reply))


@pytest.mark.parametrize("status", [400, 404, 405, 406, 415, 500, 501])
def test_an_opening_that_these_statuses_refuse_may_succeed_in_the_other_era(status):
    assert may_mean_other_era(UpstreamFailed("no", status=status))


def test_an_opening_whose_response_is_not_a_message_may_succeed_in_the_other_era():
    assert may_mean_other_era(TheirProtocolError("not a message"))


@pytest.mark.parametrize(
    "failure",
    [
        *(UpstreamFailed("no", status=status) for status in (403, 407, 429, 502, 503, 504, 511, 522)),
        LoginRequired("log in"),
        CredentialRefused("bad token", facts={}),
        Unreachable("away"),
        OutcomeUnknown("cut"),
        Overdue("late"),
        UrlRefused("elsewhere"),
        LimitExceeded("large"),
    ],
)
def test_a_login_an_absence_and_silence_say_nothing_about_an_era(failure):
    assert not may_mean_other_era(failure)
    assert not may_be_refused_unread(failure)


@pytest.mark.parametrize(("status", "unread"), [(400, True), (404, True), (500, False), (301, False)])
def test_only_a_client_error_refuses_a_request_unread(status, unread):
    assert may_be_refused_unread(UpstreamFailed("no", status=status)) is unread


@pytest.mark.parametrize("build", [refused_initialize_error, refused_discover_error, refused_request_error])
def test_the_servers_own_sentence_is_told(build):
    assert build(message(error(-32600, "come back later"))).message.endswith(", saying “come back later”")


@pytest.mark.parametrize("said", ["", 5])
def test_a_server_that_says_nothing_is_not_quoted(said):
    assert "saying" not in refused_initialize_error(message(error(-32600, said))).message


@pytest.mark.parametrize("era", list(Era))
def test_an_era_is_remembered(era):
    assert remembered_era({"era": remembered_as(era)}) is era
    assert era.other.other is era


@pytest.mark.parametrize("memory", [{}, {"era": b'"other"'}, {"era": b"null"}])
def test_an_era_that_is_not_remembered_is_unknown(memory):
    assert remembered_era(memory) is None
