"""Assertions that authenticate a client: every kind of key, every mistake in giving one."""

import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
)
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from key_pairs import KEYS, RSA, pem
from playing import play

from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.oauth.assertions import client_assertion, load_key, with_accepted_algorithm
from mcp_auth_bridge.oauth.client_auth import authenticate
from mcp_auth_bridge.oauth.session import Client, SigningKey
from mcp_auth_bridge.secret import Secret

WORLD = [("entropy 16", b"\xff" * 16), ("now", 1000.5)]


def jwk(private, **more):
    makers = {rsa.RSAPrivateKey: RSAAlgorithm, ec.EllipticCurvePrivateKey: ECAlgorithm}
    maker = next((makers[kind] for kind in makers if isinstance(private, kind)), OKPAlgorithm)
    return json.dumps({**maker.to_jwk(private, as_dict=True), **more})


def client(key, **more):
    signing = SigningKey(key=Secret(key), **more)
    return Client(issuer="https://as.example", id="ci", signing=signing, auth_method="private_key_jwt")


def verified(assertion, algorithm, audience="https://as.example"):
    return jwt.decode_complete(
        assertion.reveal(),
        KEYS[algorithm].public_key(),
        [algorithm],
        audience=audience,
        options={"verify_exp": False, "verify_iat": False},
    )


@pytest.mark.parametrize("spelled", [pem, jwk])
@pytest.mark.parametrize("algorithm", KEYS)
def test_a_client_says_who_it_is_and_to_whom_for_two_minutes(algorithm, spelled):
    made = play(client_assertion(client(spelled(KEYS[algorithm]), algorithm=algorithm)), WORLD)
    assert verified(made, algorithm)["payload"] == {
        "iss": "ci",
        "sub": "ci",
        "aud": "https://as.example",
        "jti": "_" * 21 + "w",
        "iat": 1000,
        "exp": 1120,
    }


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "ES384", "ES512", "EdDSA"])
def test_the_algorithm_follows_from_the_key(algorithm):
    assert load_key(SigningKey(key=Secret(pem(KEYS[algorithm])))).algorithm == algorithm


def test_a_jwk_may_name_its_algorithm_and_itself():
    key = load_key(SigningKey(key=Secret(jwk(RSA, alg="PS256", kid="k1"))))
    assert (key.algorithm, key.id) == ("PS256", "k1")
    assert load_key(SigningKey(key=Secret(jwk(RSA, kid="k1")), key_id="k2")).id == "k2"


@pytest.mark.parametrize("form", [PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8])
@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_the_older_forms_of_pem_are_read_too(algorithm, form):
    assert load_key(SigningKey(key=Secret("\n " + pem(KEYS[algorithm], form) + "\n"))).algorithm == algorithm


def test_the_key_id_and_another_audience_are_said_where_they_are_configured():
    asked = client(pem(RSA), key_id="k1", audience="https://as.example/token")
    said = verified(play(client_assertion(asked), WORLD), "RS256", "https://as.example/token")
    assert said["header"] == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    assert "kid" not in verified(play(client_assertion(client(pem(RSA))), WORLD), "RS256")["header"]


def test_the_assertion_stands_in_the_form_with_the_client_id_and_prints_nowhere():
    headers, form = play(authenticate(client(pem(RSA)), {"grant_type": "client_credentials"}), WORLD)
    assert headers == {}
    assertion = form.pop("client_assertion")
    assert form == {
        "grant_type": "client_credentials",
        "client_id": "ci",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
    assert isinstance(assertion, Secret)


@pytest.mark.parametrize(
    ("algorithm", "advertised", "chosen"),
    [
        ("", (), "RS256"),
        ("", ("RS256", "PS256"), "RS256"),
        ("", ("PS256",), "PS256"),
        ("", ("ES256",), "RS256"),  # let the server say no
        ("RS256", ("PS256",), "RS256"),
    ],
)
def test_among_the_algorithms_of_a_key_one_is_taken_that_the_server_knows(algorithm, advertised, chosen):
    assert (
        with_accepted_algorithm(SigningKey(key=Secret(pem(RSA)), algorithm=algorithm), advertised).algorithm == chosen
    )


WEAK = rsa.generate_private_key(65537, 1024)
PUBLIC = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
UNUSABLE = {
    "encrypted": (pem(RSA, encryption=BestAvailableEncryption(b"x")), "passphrase"),
    "encrypted, in the older form": (
        pem(RSA, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"x")),
        "passphrase",
    ),
    "weak": (pem(WEAK), "too short"),
    "weak, as a JWK": (jwk(WEAK), "too short"),
    "public": (PUBLIC, "public key"),
    "public, as a JWK": (json.dumps(RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True)), "has no member d"),
    "of another curve": (pem(ec.generate_private_key(ec.SECP256K1())), "cannot sign assertions"),
    "of another curve of Edwards'": (pem(ed448.Ed448PrivateKey.generate()), "cannot sign assertions"),
    "an oct": (json.dumps({"kty": "oct", "k": "hunter2", "d": "hunter2"}), "cannot sign assertions"),
    "a set": (json.dumps({"keys": [json.loads(jwk(RSA))]}), "set of keys"),
    "half a JWK": (json.dumps({"kty": "EC", "crv": "P-256", "d": "hunter2"}), "not a usable JWK"),
    "cut off": (pem(RSA)[:200], "cannot be read"),
    "cut off, as JSON": (jwk(RSA)[:200], "not a JSON object"),
    "from an environment variable without line ends": (pem(RSA).replace("\n", r"\n"), "line ends"),
    "empty": ("", "cannot be read"),
    "a placeholder": ("<your key>", "cannot be read"),
}


@pytest.mark.parametrize(("key", "words"), UNUSABLE.values(), ids=UNUSABLE)
def test_an_unusable_key_is_told_apart_and_nothing_of_it_is_repeated(key, words):
    with pytest.raises(ConfigError, match=words) as raised:
        play(client_assertion(client(key)), [])
    assert raised.value.hint
    said = raised.value.message + raised.value.hint
    assert not any(part in said for part in (key[30:60], "hunter2") if part.strip())
    assert raised.value.__cause__ is None


def test_an_algorithm_that_is_not_the_keys_is_refused_with_those_that_are():
    with pytest.raises(ConfigError, match="cannot sign with “ES256”") as raised:
        load_key(SigningKey(key=Secret(pem(RSA)), algorithm="ES256"))
    assert raised.value.hint == "set algorithm to one of: RS256, PS256"
