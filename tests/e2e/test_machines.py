"""Machines against a third-party authorization server: the installed command, without a user."""

import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from installed import wait_for
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from peers.browser import browse
from place import status
from words import text

ADD = {"a": 1, "b": 2}
MACHINE = {"redirect_uris": [], "response_types": [], "grant_types": ["client_credentials"], "application_type": "web"}


@pytest.fixture
def machine(bridge, authorization_server, protected_server):
    """Configures `acme` at oidc-provider as a machine profile with `auth`."""

    def configure(client, **auth):
        keys = {"kind": "client_credentials", "issuer": authorization_server.about["issuer"], **auth}
        keys["client_id"] = client["client_id"]
        bridge.add_server("acme", protected_server.url, **{f"auth.{name}": value for name, value in keys.items()})
        return bridge

    return configure


def works(bridge):
    with bridge.stdio("acme") as client:
        client.initialize()
        assert text(client.call("add", ADD)) == "3", client.stderr
    return True


def token_requests(server):
    return server.counters["token"].get("client_credentials", {})


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_client_with_a_secret_reaches_the_server(machine, authorization_server, method) -> None:
    client = authorization_server.register(**MACHINE, token_endpoint_auth_method=method)
    secret = client["client_secret"]
    bridge = machine(client, client_secret="env:S", auth_method=method)
    bridge.environment["S"] = secret
    assert works(bridge)
    assert authorization_server.counters["authMethods"] == {method: 1}
    assert works(bridge)  # with the token in the store
    assert token_requests(authorization_server) == {"success": 1}


KEYS = {
    "RSA": (rsa.generate_private_key(65537, 2048), RSAAlgorithm, "RS256", "PEM"),
    "EC": (ec.generate_private_key(ec.SECP256R1()), ECAlgorithm, "ES256", "PEM"),
    "Ed25519": (ed25519.Ed25519PrivateKey.generate(), OKPAlgorithm, "EdDSA", "JWK"),
}


@pytest.mark.parametrize("kind", KEYS)
def test_a_client_with_a_private_key_reaches_the_server(machine, authorization_server, tmp_path, kind) -> None:
    private, maker, algorithm, form = KEYS[kind]
    client = authorization_server.register(
        **MACHINE,
        token_endpoint_auth_method="private_key_jwt",
        token_endpoint_auth_signing_alg=algorithm,
        jwks={"keys": [{**maker.to_jwk(private.public_key(), as_dict=True), "kid": "k1", "use": "sig"}]},
    )
    key = tmp_path / "key"
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    key.write_text(pem if form == "PEM" else json.dumps(maker.to_jwk(private, as_dict=True)))
    assert works(machine(client, private_key=f"file:{key}", key_id="k1"))
    assert authorization_server.counters["authMethods"] == {"private_key_jwt": 1}


def test_six_processes_that_start_together_request_one_token(machine, authorization_server) -> None:
    client = authorization_server.register(**MACHINE, token_endpoint_auth_method="client_secret_basic")
    authorization_server.control({"tokenDelayMs": 300})
    bridge = machine(client, client_secret=client["client_secret"])
    clients = [bridge.stdio("acme") for _ in range(6)]
    try:
        for each in clients:
            each.initialize()
        assert [text(each.call("add", ADD)) for each in clients] == ["3"] * 6
    finally:
        assert [each.close() for each in clients] == [0] * 6
    assert token_requests(authorization_server) == {"success": 1}


def test_a_token_that_the_server_forgot_is_replaced_once(machine, authorization_server, protected_server) -> None:
    client = authorization_server.register(**MACHINE, token_endpoint_auth_method="client_secret_basic")
    bridge = machine(client, client_secret=client["client_secret"])
    with bridge.stdio("acme") as stdio:
        stdio.initialize()
        assert text(stdio.call("add", ADD)) == "3"
        protected_server.control(["refuse_seen_tokens"])
        assert text(stdio.call("add", ADD, 2)) == "3"
    assert token_requests(authorization_server) == {"success": 2}


def test_a_wrong_secret_is_named_by_its_source_and_presented_once_per_method(
    machine, authorization_server, tmp_path
) -> None:
    client = authorization_server.register(**MACHINE, token_endpoint_auth_method="client_secret_basic")
    secret = tmp_path / "secret"
    secret.write_text("hunter2-hunter2\n")
    bridge = machine(client, client_secret=f"file:{secret}")
    with bridge.stdio("acme") as stdio:
        stdio.initialize()
        answers = [json.dumps(stdio.call("add", ADD, number)) for number in (1, 2, 3)]
        assert all(client["client_id"] in said and str(secret) in said for said in answers), answers
        assert token_requests(authorization_server) == {"invalid_client": 3}  # Basic, form, both
        secret.write_text(client["client_secret"])  # as an operator does after this message
        assert text(stdio.call("add", ADD, 4)) == "3"
        assert "hunter2" not in "".join(answers) + stdio.stderr


EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def at_worker(bridge, worker, name, client, **auth):
    keys = {"issuer": worker.about["issuer"], "client_id": client["client_id"], **auth}
    keys["client_secret"] = client["client_secret"]
    bridge.add_server(name, worker.url, **{f"auth.{key}": value for key, value in keys.items()})


def test_a_users_token_is_exchanged_for_the_agents_own(bridge, worker) -> None:
    grants = ["authorization_code", "refresh_token", EXCHANGE]
    client = worker.register(grant_types=grants, token_endpoint_auth_method="client_secret_basic")
    at_worker(bridge, worker, "person", client, kind="browser")
    at_worker(bridge, worker, "acme", client, kind="token_exchange", subject_token="env:T")
    bridge.login("person")
    bridge.environment["T"] = bridge.run("token", "person").stdout.strip()
    assert works(bridge)
    assert worker.counters["token"][EXCHANGE] == {"success": 1}


def test_each_assertion_is_presented_once_and_the_next_token_needs_the_next_assertion(bridge, worker, tmp_path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    public = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    worker.control({"idpKeys": [{**public, "kid": "k1", "alg": "ES256", "use": "sig"}]})
    client = worker.register(
        grant_types=[JWT_BEARER], response_types=[], token_endpoint_auth_method="client_secret_basic"
    )
    file = tmp_path / "assertion"

    def project(jti):
        now = int(time.time())
        claims = {"iss": "https://idp.test", "sub": "mia", "aud": worker.about["issuer"], "jti": jti, "iat": now}
        claims |= {"exp": now + 60, "client_id": client["client_id"], "resource": worker.url}
        headers = {"kid": "k1", "typ": "oauth-id-jag+jwt"}
        file.write_text(jwt.encode(claims, key, algorithm="ES256", headers=headers))

    project("1")
    at_worker(bridge, worker, "acme", client, kind="jwt_bearer", assertion=f"file:{file}")
    with bridge.stdio("acme") as stdio:
        stdio.initialize()
        assert text(stdio.call("add", ADD)) == "3", stdio.stderr
        worker.control({"refuseTokens": True})
        refused = [json.dumps(stdio.call("add", ADD, number)) for number in (2, 3)]
        assert all(str(file) in said for said in refused), refused
        assert worker.counters["token"][JWT_BEARER] == {"success": 1, "invalid_grant": 1}
        project("2")
        assert text(stdio.call("add", ADD, 4)) == "3", stdio.stderr
    assert file.read_text() not in stdio.stderr + "".join(refused)


@pytest.mark.slow  # it waits 5 s between two polls, as RFC 8628 section 3.5 says
def test_a_login_on_another_device_needs_no_browser_here(bridge, authorization_server, protected_server) -> None:
    bridge.add_server("acme", protected_server.url, **{"auth.kind": "device"})
    with bridge.logging_in("acme") as login:
        wait_for(lambda: "user_code=" in login.stderr)
        (url,) = (word for word in login.stderr.split() if "user_code=" in word)
        assert browse(url).status == 200
        assert login.close() == 0, login.stderr
    assert works(bridge)
    assert bridge.launches == []
    assert authorization_server.counters["token"]["urn:ietf:params:oauth:grant-type:device_code"]["success"] == 1


def test_status_knows_a_machine_profile_and_logout_revokes_its_token(machine, authorization_server) -> None:
    client = authorization_server.register(**MACHINE, token_endpoint_auth_method="client_secret_basic")
    bridge = machine(client, client_secret=client["client_secret"])
    assert (status(bridge)["state"], status(bridge)["renews"]) == ("automatic", False)
    assert works(bridge)
    line = status(bridge)
    assert (line["state"], line["renews"], line["issuer"]) == ("automatic", True, authorization_server.about["issuer"])
    assert "client_credentials" in line["detail"]
    done = bridge.run("logout", "acme")
    assert done.returncode == 0, done.stderr
    assert "until the next request" in done.stderr
    assert list(bridge.home.glob("records/*.sealed")) == []
    refused = bridge.run("login", "acme")
    assert refused.returncode == 2
    assert "nothing to log in to" in refused.stderr
