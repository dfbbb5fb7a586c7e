"""The content of a TLS certificate (X.509, RFC 5280): for whom, from whom, from when until when."""

import msgspec
from cryptography import x509
from cryptography.x509.oid import NameOID


class Certificate(msgspec.Struct, frozen=True):
    """What people want to know of a certificate. Its texts come from the server: they are for `quoted`."""

    # The host names and addresses that it is for.
    hosts: tuple[str, ...]
    # The common name of its subject, or its organisation; "" if it has neither.
    subject: str
    # The common name of its issuer, or its organisation; "" if it has neither.
    issuer: str
    # All names of its issuer, to recognise it by.
    issuer_names: tuple[str, ...]
    # The first and the last second of its validity, since the epoch.
    not_before: float
    not_after: float
    # Whether it is its own issuer.
    is_self_signed: bool
    # Whether a public CA issued it: those note each certificate in logs (Certificate Transparency, RFC 6962), and put
    # the receipts into it.
    is_public: bool


def read(der: bytes) -> Certificate | None:
    """Read one certificate, None if it cannot be read."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        names = [str(each.value) for each in certificate.issuer]
        return Certificate(
            hosts=_hosts(certificate),
            subject=_name(certificate.subject),
            issuer=_name(certificate.issuer),
            issuer_names=tuple(names),
            not_before=certificate.not_valid_before_utc.timestamp(),
            not_after=certificate.not_valid_after_utc.timestamp(),
            is_self_signed=certificate.issuer == certificate.subject,
            is_public=_has(certificate, x509.PrecertificateSignedCertificateTimestamps),
        )
    except (ValueError, x509.DuplicateExtension):  # what a server sends may be anything
        return None


def _name(name: x509.Name) -> str:
    for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        for attribute in name.get_attributes_for_oid(oid):
            return str(attribute.value)
    return ""


def _hosts(certificate: x509.Certificate) -> tuple[str, ...]:
    if not _has(certificate, x509.SubjectAlternativeName):
        return ()
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = map(str, names.get_values_for_type(x509.IPAddress))
    return (*names.get_values_for_type(x509.DNSName), *addresses)


def _has(certificate: x509.Certificate, kind: type[x509.ExtensionType]) -> bool:
    return any(isinstance(extension.value, kind) for extension in certificate.extensions)
