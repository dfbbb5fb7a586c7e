"""Something on the way answers in the server's place: a captive portal, a proxy, a firewall; or nothing can be sent."""

import pytest
from examining import evidence_of, examined
from peers.scripted import CUT, REQUEST, Scripted
from pooling import story

from mcp_auth_bridge.doctor import answers as answers_module
from mcp_auth_bridge.doctor.finding import Outcome, Section
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.doctor.verdict import Blame

URL = "http://mcp.far.example/mcp"  # plain http, so that a proxy or a portal reads and answers it
LOGIN = b"<html><head><title>Hotel Wi-Fi</title></head><body>Room number?</body></html>"


def page(status, *headers, body=LOGIN):
    lines = [b"HTTP/1.1 %b" % status, b"Content-Type: text/html", b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


async def through(tmp_path, *steps):
    """The findings and the verdict if everything on the way to `URL` answers with these `steps`."""
    async with Scripted(forever=[REQUEST, *steps, CUT]) as portal:
        more = f'allow_http = true\nnetwork = {{ proxy = "http://127.0.0.1:{portal.port}" }}'
        return await examined(evidence_of(tmp_path, URL, more=more), Section.SERVER)


@pytest.mark.parametrize(
    ("answer", "symptoms", "blame"),
    [
        (page(b"511 Network Authentication Required"), {Symptom.PORTAL}, Blame.NETWORK),
        (page(b"200 OK"), {Symptom.LOGIN_PAGE}, Blame.UNKNOWN),
        (page(b"302 Found", b"Location: http://portal.hotel.example/start?to=mcp"), {Symptom.PORTAL}, Blame.NETWORK),
        (
            page(b"302 Found", b"Location: http://portal.hotel.example/login"),
            {Symptom.PORTAL, Symptom.WANTS_CREDENTIALS},
            Blame.NETWORK,
        ),
        (
            page(b"302 Found", b"Location: https://portal.hotel.example/start?to=mcp"),
            {Symptom.SENT_ELSEWHERE, Symptom.OPEN_TO_THE_NETWORK},
            Blame.UNKNOWN,
        ),
        (
            page(b"302 Found", b"Location: https://portal.hotel.example/login"),
            {Symptom.SENT_TO_LOGIN, Symptom.WANTS_CREDENTIALS, Symptom.OPEN_TO_THE_NETWORK},
            Blame.UNKNOWN,
        ),
        (page(b"403 Forbidden"), {Symptom.FORBIDDEN_BY_PAGE}, Blame.UNKNOWN),
    ],
)
@story
async def test_a_page_of_a_portal_is_not_taken_for_the_servers(answer, symptoms, blame, tmp_path):
    findings, verdict = await through(tmp_path, answer)
    found = findings["no credential"]
    signs = {each.symptom for each in found.signs}
    way = {Symptom.OPEN_TO_THE_NETWORK, Symptom.THROUGH_PROXY}
    assert signs - way == symptoms - way, found
    assert symptoms <= signs
    assert verdict.blame is blame
    assert "network" in verdict.sentence


@pytest.mark.parametrize(
    ("status", "symptom"),
    [
        (b"502 Bad Gateway", Symptom.BAD_GATEWAY),
        (b"503 Service Unavailable", Symptom.UNAVAILABLE),
        (b"504 Gateway Timeout", Symptom.GATEWAY_TIMEOUT),
    ],
)
@story
async def test_a_failure_of_a_proxy_that_reads_the_request_is_not_taken_for_the_servers(
    status, symptom, tmp_path, monkeypatch
):
    monkeypatch.setattr(answers_module, "PAUSE", 0.0)
    findings, verdict = await through(tmp_path, page(status))
    assert [each.symptom for each in findings["no credential"].signs][0::2] == [symptom, Symptom.THROUGH_PROXY]
    assert verdict.blame is Blame.UNKNOWN
    assert verdict.sentence.startswith("the proxy http://127.0.0.1:")


@story
async def test_a_proxy_that_wants_a_login_of_its_own_is_told_by_the_first_request(tmp_path):
    findings, verdict = await through(
        tmp_path, page(b"407 Proxy Authentication Required", b"Proxy-Authenticate: Basic")
    )
    assert [each.symptom for each in findings["no credential"].signs] == [Symptom.PROXY_WANTS_LOGIN]
    assert verdict.blame is Blame.NETWORK
    assert {found.outcome for name, found in findings.items() if name != "no credential"} == {Outcome.SKIP}


@story
async def test_without_a_connection_each_check_is_skipped(tmp_path):
    async with Scripted() as server:
        url = f"http://127.0.0.1:{server.port}/mcp"
    findings, _ = await examined(evidence_of(tmp_path, url), Section.SERVER)
    assert {found.outcome for found in findings.values()} == {Outcome.SKIP}
    assert {found.says for found in findings.values()} == {f"there is no connection to 127.0.0.1:{server.port}"}
