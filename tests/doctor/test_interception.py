"""The products that intercept TLS are recognised by the names of their issuers, and public authorities are not."""

import re

import pytest

from mcp_auth_bridge.doctor.interception import INTERCEPTORS, recognise


@pytest.mark.parametrize(
    ("names", "product"),
    [
        (["US", "Zscaler Inc.", "Zscaler Intermediate Root CA (zscalertwo.net) (t) "], "Zscaler"),
        (["Acme", "ca.acme.goskope.com"], "Netskope"),
        (["Fortinet", "Certificate Authority", "FG100E4Q16000000"], "Fortinet FortiGate"),
        (["Cisco", "Cisco Umbrella Primary SubCA"], "Cisco Umbrella"),
        (["Cloudflare, Inc.", "Gateway CA - Cloudflare Managed G1 3fa"], "Cloudflare Gateway"),
        (["McAfee, Inc.", "McAfee Web Gateway"], "McAfee (Skyhigh) Web Gateway"),
        (["AO Kaspersky Lab", "Kaspersky Anti-Virus Personal Root Certificate"], "Kaspersky"),
        (["ESET, spol. s r. o.", "ESET SSL Filter CA"], "ESET"),
        (["Avast Web/Mail Shield Root"], "Avast"),
        (["AVG Web/Mail Shield Root"], "AVG"),
        (["mitmproxy"], "mitmproxy"),
        (["XK72 Ltd", "Charles Proxy CA (30 Nov 2026, laptop)"], "Charles"),
        (["DO_NOT_TRUST", "DO_NOT_TRUST_FiddlerRoot"], "Fiddler"),
        (["PortSwigger", "PortSwigger CA"], "Burp Suite"),
    ],
)
def test_a_product_is_recognised(names, product):
    assert recognise(names).product == product


@pytest.mark.parametrize(
    "name",
    [
        "Let's Encrypt", "R11", "DigiCert Global G2 TLS RSA SHA256 2020 CA1", "Cloudflare Inc ECC CA-3", "WE1",
        "Google Trust Services", "Amazon RSA 2048 M02", "Sectigo RSA Domain Validation Secure Server CA", "Cisco",
        "GlobalSign", "Microsoft Azure RSA TLS Issuing CA 03", "Symantec Class 3 Secure Server CA - G4", "Resetter CA",
        "Acme Corp Internal CA", "",
    ],
)  # fmt: skip
def test_other_issuers_are_not(name):
    assert recognise([name]) is None


def test_each_product_stands_in_the_list_once_with_a_source():
    assert len({each.product for each in INTERCEPTORS}) == len(INTERCEPTORS)
    for each in INTERCEPTORS:
        assert each.source
        assert re.compile(each.pattern)
