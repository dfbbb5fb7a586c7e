"""Name, revision, transport and content of a server, from its answers."""

import anyio
import pytest
from answering import DISCOVERY, WELCOME, answer, answers, discovered, found, refusing, welcomed, worked
from examining import evidence_of

from mcp_auth_bridge.doctor.answers import Session
from mcp_auth_bridge.doctor.finding import Outcome
from mcp_auth_bridge.doctor.speech import content, revision, transport
from mcp_auth_bridge.errors import UpstreamFailed

SECOND = {**WELCOME, "protocolVersion": "2024-11-05", "serverInfo": {"name": "older"}}
OPEN = worked(initialize=WELCOME, tools_list={"tools": [{"name": "a"}]})


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (answers(welcomed()), "“far 1”: 2025-11-25, the era of sessions"),
        (answers(answer(400), discover=discovered()), "a server without a name: 2026-07-28, the era without sessions"),
        (
            answers(welcomed(), discover=discovered()),
            "“far 1”: 2025-11-25, the era of sessions and 2026-07-28, the era without sessions",
        ),
        (
            answers(answer(400), stranger_session=worked(initialize=SECOND)),
            "“older”: 2024-11-05, the era of sessions",
        ),
        (
            answers(welcomed({"protocolVersion": "2031-01-01"})),
            "a server without a name: “2031-01-01”, an unknown revision of the era of sessions",
        ),
        (answers(answer(404)), "not known: it has not opened a conversation"),
        (
            answers(welcomed(), discover=discovered({"supportedVersions": "?"})),
            "“far 1”: 2025-11-25, the era of sessions",
        ),
    ],
)
def test_the_revisions_are_those_that_the_server_states(given, says):
    assert found(revision, given).says == says


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (answers(welcomed(in_session=True)), "streamable HTTP, in a session (Mcp-Session-Id); replies come as JSON"),
        (
            answers(welcomed(fields={"content-type": "text/event-stream"})),
            "streamable HTTP, without a session id; replies come as a stream of events",
        ),
        (answers(answer(400), discover=discovered()), "streamable HTTP, without sessions; replies come as JSON"),
        (
            answers(answer(405), stream=answer(200, event="endpoint")),
            "HTTP+SSE, the transport of 2024-11-05: one stream is the session",
        ),
        (answers(answer(404)), "not known: it has not opened a conversation"),
    ],
)
def test_the_transport_is_that_of_the_opening(given, says):
    assert found(transport, given).says == says


def test_a_redirect_before_each_answer_is_worth_a_word():
    assert found(transport, answers(welcomed())).details == ()
    (detail,) = found(transport, answers(welcomed(redirects=("/mcp/",)))).details
    assert detail == "each request is redirected to “/mcp/” first: write that path into the url"


@pytest.mark.parametrize(
    ("given", "outcome", "says"),
    [
        (answers(welcomed(), stranger_session=OPEN), Outcome.OK, "1 tool, prompts"),
        (
            answers(welcomed(), stranger_session=worked(initialize={"capabilities": {}}, tools_list={"tools": []})),
            Outcome.OK,
            "0 tools",
        ),
        (answers(welcomed(), stranger_session=worked(initialize=WELCOME)), Outcome.OK, "it declares tools, prompts"),
        (
            answers(
                answer(400), discover=discovered({**DISCOVERY, "capabilities": 1}), stranger_session=worked(era="m")
            ),
            Outcome.OK,
            "it declares neither tools nor other content",
        ),
        (
            answers(welcomed(), credential=welcomed(), session=OPEN, stranger_session=None),
            Outcome.OK,
            "1 tool, prompts",
        ),
        (answers(refusing()), Outcome.SKIP, "it needs credentials for that"),
        (answers(refusing(), credential=refusing()), Outcome.SKIP, "it needs credentials for that"),
        (
            answers(welcomed(), stranger_session=Session({}, UpstreamFailed("boom", status=500))),
            Outcome.SKIP,
            "not known: no session worked",
        ),
    ],
)
def test_the_content_is_what_a_session_showed(given, outcome, says):
    told = found(content, given)
    assert (told.outcome, told.says) == (outcome, says)


@pytest.mark.parametrize("check", [revision, transport, content])
def test_without_a_connection_they_are_skipped(check, tmp_path):
    told = anyio.run(check, evidence_of(tmp_path, "http://127.0.0.1:1/mcp"))
    assert (told.outcome, told.says) == (Outcome.SKIP, "there is no connection to 127.0.0.1:1")
