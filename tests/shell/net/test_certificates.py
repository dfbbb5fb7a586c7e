"""The content of a certificate as a server sends it, also of one that is malformed."""

import datetime as dt
import ssl

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from mcp_auth_bridge.shell.net.certificates import read

BEGINS, ENDS = dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.datetime(2026, 4, 1, tzinfo=dt.UTC)


def der(issued):
    return ssl.PEM_cert_to_DER_cert(issued.cert_chain_pems[0].bytes().decode())


def made(subject, issuer, *extensions):
    """A certificate with exactly these names, `(OID, text)` each, and `extensions`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = [x509.Name([x509.NameAttribute(oid, text) for oid, text in each]) for each in (subject, issuer)]
    builder = x509.CertificateBuilder().subject_name(name[0]).issuer_name(name[1]).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(BEGINS).not_valid_after(ENDS)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def test_a_certificate_names_its_hosts_its_issuer_and_its_time():
    found = read(der(trustme.CA(organization_name="Acme CA").issue_cert("acme.example", "*.acme.example", "::1")))
    assert found.hosts == ("acme.example", "*.acme.example", "::1")
    assert found.issuer_names[0] == "Acme CA"
    assert found.not_before < dt.datetime(2026, 11, 1, tzinfo=dt.UTC).timestamp() < found.not_after
    assert (found.is_self_signed, found.is_public) == (False, False)


def test_the_common_name_comes_before_the_organisation():
    both = [(NameOID.ORGANIZATION_NAME, "Zscaler Inc."), (NameOID.COMMON_NAME, "Zscaler Root CA")]
    found = read(made([(NameOID.ORGANIZATION_NAME, "Acme")], both))
    assert (found.subject, found.issuer) == ("Acme", "Zscaler Root CA")
    assert found.issuer_names == ("Zscaler Inc.", "Zscaler Root CA")
    assert (found.not_before, found.not_after) == (BEGINS.timestamp(), ENDS.timestamp())


def test_a_certificate_without_names_and_extensions_is_read():
    found = read(made([], []))
    assert (found.subject, found.issuer, found.hosts, found.is_self_signed) == ("", "", (), True)


def test_the_receipts_of_public_logs_tell_a_public_authority():
    receipts = x509.UnrecognizedExtension(x509.ExtensionOID.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS, b"\x04\x02\x00\x00")
    assert read(made([], [(NameOID.COMMON_NAME, "R11")], receipts)).is_public


@pytest.mark.parametrize("content", [b"", b"no certificate", b"\x30\x03\x02\x01\x00"])
def test_what_is_no_certificate_is_not_read(content):
    assert read(content) is None


def test_a_certificate_with_a_malformed_extension_is_not_read():
    broken = x509.UnrecognizedExtension(x509.ExtensionOID.SUBJECT_ALTERNATIVE_NAME, b"\x30\x05\x82")
    assert read(made([], [], broken)) is None
