"""The checks of TLS and HTTP, on handshakes that a script gives; the certificates are real."""

import datetime as dt
import ssl

import pytest
import trustme
from ways import NOW, URL, failed, finding, knock, signs, way

from mcp_auth_bridge.doctor import tls
from mcp_auth_bridge.doctor.finding import Outcome
from mcp_auth_bridge.errors import ConfigError, TimedOut
from mcp_auth_bridge.shell.net.connect_errors import Fault
from mcp_auth_bridge.shell.net.handshake import Handshake
from mcp_auth_bridge.urls import Purpose, gate


def certificate(*hosts, days=90, ca=None):
    """A certificate that ends `days` after the time of the script, in DER."""
    ends = dt.datetime.fromtimestamp(NOW, dt.UTC) + dt.timedelta(days=days, hours=1)
    issued = (ca or trustme.CA()).issue_cert(*hosts, not_after=ends)
    return ssl.PEM_cert_to_DER_cert(issued.cert_chain_pems[0].bytes().decode())


def shaken(*certificates, error=None, url=URL):
    return way(url, [knock("93.184.216.34")], handshake=Handshake("TLSv1.3", 0.1, certificates, error=error))


def test_a_good_certificate_is_told_with_its_issuer_and_its_end():
    found = finding(tls.encryption, shaken(certificate("acme.example", ca=trustme.CA(organization_name="Trusty"))))
    assert found.outcome is Outcome.OK
    assert found.says.startswith("TLSv1.3, with a certificate of “")
    assert found.says.endswith("” that is good for 90 days, until 2027-04-15")
    assert finding(tls.http_version, shaken()).says == "HTTP/1.1"


def test_a_certificate_that_ends_soon_is_a_warning():
    found = finding(tls.encryption, shaken(certificate("acme.example", days=13)))
    assert found.outcome is Outcome.WARN
    assert found.says.endswith("that is good for 13 days only")
    assert signs(found) == {"CERTIFICATE_ENDS_SOON": {"host": "acme.example", "ends": "2027-01-28"}}


def test_a_product_that_reads_a_trusted_connection_is_named_and_its_short_certificates_are_no_warning():
    ca = trustme.CA(organization_name="Zscaler Inc.")
    found = finding(tls.encryption, shaken(certificate("acme.example", days=7, ca=ca)))
    assert found.outcome is Outcome.OK
    assert found.details == ("Zscaler, on the network, reads this connection on its way",)


def test_a_handshake_without_readable_certificates_is_told_by_its_version():
    assert finding(tls.encryption, shaken(b"no certificate")).says == "TLSv1.3"


def test_a_server_on_this_machine_needs_no_encryption():
    near = way(gate("http://localhost:8000/mcp", Purpose.SERVER), [knock("127.0.0.1")])
    assert finding(tls.encryption, near).outcome is Outcome.OK
    assert finding(tls.http_version, near).says == "HTTP/1.1"


def test_plain_http_to_another_machine_is_a_warning():
    found = finding(tls.encryption, way(gate("http://acme.example/mcp", Purpose.PLAIN_SERVER), [knock("10.0.0.1")]))
    assert found.outcome is Outcome.WARN
    assert signs(found) == {"PLAIN_HTTP": {"host": "acme.example"}}


@pytest.mark.parametrize("lost", [way(), shaken(error=failed(Fault.PROXY_REFUSES))])
def test_without_a_connection_there_is_nothing_to_look_at(lost):
    for check in (tls.encryption, tls.http_version):
        assert finding(check, lost).outcome is Outcome.SKIP


def test_a_server_that_speaks_http_2_only_is_a_matter_of_http():
    other = shaken(error=failed(Fault.HTTP_2_ONLY))
    assert finding(tls.encryption, other).outcome is Outcome.SKIP
    assert signs(finding(tls.http_version, other)) == {"HTTP_2_ONLY": {"host": "acme.example"}}


@pytest.mark.parametrize(
    ("fault", "symptom"),
    [
        (Fault.OLD_TLS, "TLS_TOO_OLD"),
        (Fault.NOT_TLS, "NOT_TLS"),
        (Fault.CLIENT_CERTIFICATE, "CLIENT_CERTIFICATE_WANTED"),
        (Fault.BROKEN_OFF, "HANDSHAKE_BROKEN_OFF"),
        (Fault.HUNG_UP, "HANDSHAKE_CUT_OFF"),
        (Fault.OTHER, "HANDSHAKE_BROKEN_OFF"),
    ],
)
def test_a_handshake_that_fails_is_told_with_its_cause(fault, symptom):
    found = finding(tls.encryption, shaken(error=failed(fault)))
    assert (found.outcome, found.says, found.hint) == (Outcome.FAIL, "it failed", "mend it")
    assert signs(found) == {symptom: {"host": "acme.example"}}


def test_a_handshake_without_an_answer_is_told():
    found = finding(tls.encryption, shaken(error=TimedOut("no connection within 4 s")))
    assert signs(found) == {"HANDSHAKE_SILENT": {"host": "acme.example"}}


def test_a_file_of_certificates_that_cannot_be_used_is_a_matter_of_the_settings():
    found = finding(tls.encryption, shaken(error=ConfigError("ca_file x cannot be used", "name a readable file")))
    assert [*signs(found)] == ["NETWORK_SETTINGS_UNUSABLE"]


def test_a_certificate_that_is_not_trusted_is_described():
    ca = trustme.CA(organization_name="Fortinet")
    found = finding(tls.encryption, shaken(certificate("acme.example", ca=ca), error=failed(Fault.UNKNOWN_ISSUER)))
    assert signs(found) == {"TLS_INTERCEPTED": {"product": "Fortinet FortiGate", "host": "acme.example"}}
    assert found.says.startswith("Fortinet FortiGate reads the connection to acme.example")
    assert found.details[0].startswith("certificate 1: for “acme.example”, of “")


def test_a_refusal_that_cannot_be_explained_keeps_its_own_words():
    found = finding(tls.encryption, shaken(certificate("acme.example"), error=failed(Fault.CERTIFICATE_REFUSED)))
    assert (found.outcome, found.says) == (Outcome.FAIL, "it failed")
    assert signs(found) == {"CERTIFICATE_REFUSED": {"error": "it failed"}}
    assert len(found.details) == 1
