"""Why a certificate is not trusted: whose fault that is depends on its issuer, its time and the server's zone."""

import pytest
from ways import NOW, URL, failed, knock, way

from mcp_auth_bridge.doctor.distrust import DAY, date, distrust, interceptor_of
from mcp_auth_bridge.shell.net.certificates import Certificate
from mcp_auth_bridge.shell.net.connect_errors import Fault
from mcp_auth_bridge.shell.net.handshake import Handshake
from mcp_auth_bridge.shell.net.proxies import parse
from mcp_auth_bridge.urls import Purpose, gate

PUBLIC = "93.184.216.34"


def certificate(issuer="Acme CA", hosts=("acme.example",), begins=-10, ends=80, **more):
    """`begins` and `ends` are in days from the time of the script."""
    known = {
        "hosts": hosts,
        "subject": "the server",
        "issuer": issuer,
        "issuer_names": (issuer,),
        "not_before": NOW + begins * DAY,
        "not_after": NOW + ends * DAY,
        "is_self_signed": False,
        "is_public": False,
    }
    return Certificate(**(known | more))


def found(fault, *chain, url=URL, address=PUBLIC, status=0, location="", **more):
    """The symptom and its facts, and the sentence; `status` and `location` are of the untrusted server's response."""
    shaken = Handshake(error=failed(fault), status=status, location=location)
    there = way(url, [knock(address)], handshake=shaken, **more)
    reason = distrust(there, there.handshake.error, chain)
    return reason.sign.symptom.name, dict(reason.sign.facts), reason.says


def symptom(fault, *chain, **more):
    return found(fault, *chain, **more)[0]


UNKNOWN = ("CERTIFICATE_REFUSED", {"error": "it failed"}, "it failed")


def test_without_certificates_the_refusal_keeps_its_own_words():
    assert found(Fault.EXPIRED) == UNKNOWN
    assert interceptor_of(()) is None


def test_another_refusal_keeps_its_own_words():
    assert found(Fault.CERTIFICATE_REFUSED, certificate()) == UNKNOWN


@pytest.mark.parametrize("fault", [Fault.UNKNOWN_ISSUER, Fault.SELF_SIGNED, Fault.EXPIRED, Fault.OTHER_HOST])
def test_a_product_that_intercepts_is_the_reason_whatever_else_is_wrong(fault):
    in_network, here = certificate("Zscaler Intermediate Root CA (zscaler.net)"), certificate("mitmproxy")
    name, facts, says = found(fault, in_network)
    assert (name, facts) == ("TLS_INTERCEPTED", {"product": "Zscaler", "host": "acme.example"})
    assert says.startswith("Zscaler reads the connection to acme.example")
    assert symptom(fault, here) == "TLS_INTERCEPTED_HERE"


def test_a_product_is_recognised_higher_up_in_the_chain_too():
    chain = certificate("ca.acme.goskope.com"), certificate("certadmin")
    assert interceptor_of(chain).product == "Netskope"
    assert interceptor_of((certificate("Acme Proxies"), certificate("Zscaler Root CA"))).product == "Zscaler"


def test_a_certificate_of_a_public_authority_is_not_an_interceptors():
    assert interceptor_of([certificate("McAfee Public CA", is_public=True)]) is None


def test_a_certificate_that_has_ended_is_told_with_its_last_day():
    name, facts, says = found(Fault.EXPIRED, certificate(ends=-3), certificate(ends=100))
    assert (name, facts) == ("CERTIFICATE_EXPIRED", {"host": "acme.example", "ended": "2027-01-12"})
    assert says == "the certificate of acme.example expired on 2027-01-12"


def test_a_certificate_that_has_not_begun_is_told_with_its_first_day():
    name, facts, _ = found(Fault.NOT_YET_VALID, certificate(begins=2))
    assert (name, facts) == ("CERTIFICATE_NOT_YET_VALID", {"host": "acme.example", "begins": "2027-01-17"})


def test_a_certificate_in_its_time_was_refused_for_another_ones():
    assert found(Fault.EXPIRED, certificate()) == UNKNOWN  # the CA's own, which the server did not send


def test_a_certificate_for_other_hosts_is_told_with_them():
    name, facts, _ = found(Fault.OTHER_HOST, certificate(hosts=tuple(f"{letter}.example" for letter in "abcdefg")))
    hosts = "“a.example, b.example, c.example, d.example, e.example” and 2 more"
    assert (name, facts) == ("CERTIFICATE_OTHER_HOST", {"host": "acme.example", "hosts": hosts})
    assert found(Fault.OTHER_HOST, certificate(hosts=()))[1]["hosts"] == "“the server”"


def test_an_address_in_the_url_is_the_users_to_correct():
    url = gate("https://93.184.216.34/mcp", Purpose.SERVER)
    assert symptom(Fault.OTHER_HOST, certificate(), url=url) == "ADDRESS_IN_URL"


def test_a_public_certificate_without_its_intermediate_is_the_operators_to_correct():
    alone = certificate("R11", is_public=True)
    name, facts, says = found(Fault.UNKNOWN_ISSUER, alone)
    assert (name, facts["issuer"]) == ("CHAIN_INCOMPLETE", "“R11”")
    assert says == "acme.example sends its own certificate, but not that of “R11”, which issued it"
    name, facts, _ = found(Fault.UNKNOWN_ISSUER, alone, certificate("ISRG Root X1"))
    assert (name, facts["issuer"]) == ("PUBLIC_ISSUER_UNKNOWN", "“ISRG Root X1”")


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3"])
@pytest.mark.parametrize("fault", [Fault.UNKNOWN_ISSUER, Fault.SELF_SIGNED])
def test_in_a_private_network_an_unknown_issuer_is_the_organisations_own(address, fault):
    assert symptom(fault, certificate(is_self_signed=True), address=address) == "PRIVATE_ISSUER"
    by_subject = certificate(hosts=(), subject="acme.example")
    assert symptom(fault, by_subject, address=address) == "PRIVATE_ISSUER"


@pytest.mark.parametrize("fault", [Fault.UNKNOWN_ISSUER, Fault.SELF_SIGNED])
def test_an_unknown_certificate_for_other_hosts_is_of_another_server(fault):
    name, facts, says = found(fault, certificate("Hotel CA", hosts=("login.hotel.example",)))
    assert name == "CERTIFICATE_FOREIGN"
    assert facts == {"host": "acme.example", "hosts": "“login.hotel.example”", "issuer": "“Hotel CA”"}
    assert says == "what answers in place of acme.example has a certificate for “login.hotel.example”, of “Hotel CA”"


@pytest.mark.parametrize(
    ("answer", "portal"),
    [
        ({"status": 302, "location": "https://login.hotel.example/?from=acme.example"}, "“login.hotel.example”"),
        ({"status": 511}, "a page of your network"),
    ],
)
def test_a_network_that_wants_its_users_to_sign_in_first_is_known_by_its_answer(answer, portal):
    hotel = certificate("Hotel CA", hosts=("login.hotel.example",))
    name, facts, _ = found(Fault.UNKNOWN_ISSUER, hotel, **answer)
    assert (name, facts) == ("CAPTIVE_PORTAL", {"host": "acme.example", "portal": portal})
    assert symptom(Fault.UNKNOWN_ISSUER, certificate(), **answer) == "CERTIFICATE_ISSUER_UNKNOWN"


@pytest.mark.parametrize("location", ["/login", "https://acme.example/login", "https://[odd", ""])
def test_a_redirect_to_the_same_host_is_no_sign_in_page(location):
    other = certificate(hosts=("other.example",))
    assert symptom(Fault.SELF_SIGNED, other, status=302, location=location) == "CERTIFICATE_FOREIGN"


def test_a_wildcard_is_for_the_hosts_one_level_below():
    url = gate("https://mcp.acme.example/mcp", Purpose.SERVER)
    names = {
        host: symptom(Fault.UNKNOWN_ISSUER, certificate(hosts=(host,)), url=url)
        for host in ("*.ACME.example", "*.example", "acme.example")
    }
    assert names == {
        "*.ACME.example": "CERTIFICATE_ISSUER_UNKNOWN",
        "*.example": "CERTIFICATE_FOREIGN",
        "acme.example": "CERTIFICATE_FOREIGN",
    }


def test_the_certificate_of_a_reverse_proxy_that_has_none_is_the_operators_to_replace():
    fake = "Kubernetes Ingress Controller Fake Certificate"
    name, facts, _ = found(Fault.SELF_SIGNED, certificate(fake, hosts=("ingress.local",), subject=fake))
    assert (name, facts["maker"]) == ("CERTIFICATE_MISSING", "the ingress controller of Kubernetes (ingress-nginx)")


def test_in_the_open_internet_an_unknown_issuer_is_an_interceptor_and_a_self_signed_certificate_is_the_servers():
    assert symptom(Fault.UNKNOWN_ISSUER, certificate()) == "CERTIFICATE_ISSUER_UNKNOWN"
    name, _, says = found(Fault.SELF_SIGNED, certificate(is_self_signed=True))
    assert (name, says) == ("SELF_SIGNED", "acme.example issued its certificate itself")


@pytest.mark.parametrize(
    ("host", "expected"), [("acme.example", "CERTIFICATE_ISSUER_UNKNOWN"), ("10.1.2.3", "PRIVATE_ISSUER")]
)
def test_behind_a_proxy_only_an_address_in_the_url_tells_how_near_the_server_is(host, expected):
    url, own = gate(f"https://{host}/mcp", Purpose.SERVER), certificate(hosts=(host,))
    proxy = parse("http://10.0.0.1:3128", "HTTPS_PROXY")
    assert symptom(Fault.UNKNOWN_ISSUER, own, url=url, address="10.0.0.1", proxy=proxy) == expected


def test_a_day_is_told_in_utc():
    assert date(NOW) == "2027-01-15"
