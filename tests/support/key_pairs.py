"""Key pairs of every kind that `private_key_jwt` accepts, generated once."""

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

RSA = rsa.generate_private_key(65537, 2048)


KEYS = {
    "RS256": RSA,
    "PS256": RSA,
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


def pem(private, form=PrivateFormat.PKCS8, encryption=None):
    return private.private_bytes(Encoding.PEM, form, encryption or NoEncryption()).decode()
