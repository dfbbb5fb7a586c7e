"""Where a redirect leads tells a moved server, a portal or single sign-on, and a proxy that hides the scheme apart."""

import msgspec
import pytest
from answering import URL, answer

from mcp_auth_bridge.doctor.misdirection import misdirection, target_of
from mcp_auth_bridge.doctor.symptoms import Symptom


def redirect(status, location=None, **more):
    return answer(status, fields={} if location is None else {"location": location}, **more)


@pytest.mark.parametrize(
    ("given", "symptom", "facts"),
    [
        (redirect(301, "https://new.example/v2/mcp"), Symptom.MOVED, {"place": "https://new.example/v2/mcp"}),
        (redirect(307, "https://new.example/mcp"), Symptom.MOVED, {"place": "https://new.example/mcp"}),
        (redirect(307, "https://new.example/"), Symptom.SENT_ELSEWHERE, {"page": "https://new.example"}),
        (redirect(302, "https://new.example/mcp"), Symptom.MOVED, {"place": "https://new.example/mcp"}),
        (redirect(302, "/v2/mcp"), Symptom.MOVED, {"place": "https://far.example/v2/mcp"}),
        (redirect(302, "https://far.example:8443/x"), Symptom.MOVED, {"place": "https://far.example:8443/x"}),
        (
            redirect(302, "https://sso.example/start?return=https://far.example/mcp&state=s3cret"),
            Symptom.SENT_ELSEWHERE,
            {"page": "https://sso.example"},
        ),
        (redirect(303, "http://10.0.0.1/portal"), Symptom.SENT_ELSEWHERE, {"page": "http://10.0.0.1"}),
        (redirect(301, "http://far.example/mcp"), Symptom.SCHEME_LOST, {}),
        (redirect(307, "/mcp"), Symptom.REDIRECTS_NOWHERE, {"where": "in a circle"}),
        (redirect(307, "/c", redirects=("/a", "/b", "/c")), Symptom.REDIRECTS_NOWHERE, {"where": "in a circle"}),
        (redirect(302), Symptom.REDIRECTS_NOWHERE, {"where": "to nowhere"}),
        (redirect(302, "ftp://far.example/"), Symptom.REDIRECTS_NOWHERE, {"where": "to nowhere"}),
        (redirect(302, "http://[::1/"), Symptom.REDIRECTS_NOWHERE, {"where": "to nowhere"}),
    ],
)
def test_a_redirect_is_told_by_its_target(given, symptom, facts):
    told = misdirection(given, URL)
    status = {"status": str(given.status)} if "status" in symptom.facts else {}
    assert (told.sign.symptom, dict(told.sign.facts)) == (symptom, {**facts, **status})
    assert told.says
    assert told.hint
    assert "s3cret" not in repr(told)


def test_what_is_not_a_redirect_leads_nowhere():
    assert misdirection(answer(200), URL) is None
    assert target_of(answer(200), URL) is None


def test_a_page_without_tls_in_place_of_an_answer_without_tls_is_a_portals():
    plain = msgspec.structs.replace(URL, scheme="http")
    told = misdirection(redirect(302, "http://portal.hotel.example/start"), plain)
    assert told.sign.symptom is Symptom.PORTAL
    on_this_machine = msgspec.structs.replace(plain, host="127.0.0.1")
    told = misdirection(redirect(302, "http://portal.hotel.example/start"), on_this_machine)
    assert told.sign.symptom is Symptom.SENT_ELSEWHERE
    told = misdirection(redirect(302, "https://sso.example/start"), plain)
    assert told.sign.symptom is Symptom.SENT_ELSEWHERE
