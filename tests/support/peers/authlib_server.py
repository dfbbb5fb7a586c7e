"""An authorization server built from Authlib's parts on Flask: JWT access tokens, rotation, dynamic registration.

python authlib_server.py METHOD…      the client authentication methods

It asks its only user for consent and for nothing else.
"""

from typing import Any

from a2wsgi import WSGIMiddleware
from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.integrations.sqla_oauth2 import create_query_client_func, create_save_token_func
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib_parts import (
    SCOPE,
    Base,
    Client,
    CodeGrant,
    Generator,
    Issuer,
    Management,
    RefreshGrant,
    Registration,
    Revocation,
    Token,
    User,
    engine,
    forget,
    metadata_of,
    session,
)
from flask import Flask, request
from ledger import Ledger
from serving import serve

CONSENT = "<!doctype html><title>Consent</title><form method=post><button name=answer value=allow>Allow</button></form>"


def authorize(server: AuthorizationServer) -> Any:
    try:
        grant = server.get_consent_grant(end_user=User())
    except OAuth2Error as error:
        return server.handle_error_response(None, error)
    if request.method == "GET":
        return CONSENT
    return server.create_authorization_response(grant=grant, grant_user=User())


def routes(app: Flask, server: AuthorizationServer, metadata: dict[str, Any], generator: Generator) -> None:
    endpoint = server.create_endpoint_response
    app.add_url_rule("/.well-known/oauth-authorization-server", "metadata", lambda: metadata)
    app.add_url_rule("/jwks", "keys", lambda: generator.keys.as_dict(private=False))
    app.add_url_rule("/authorize", "authorize", lambda: authorize(server), methods=["GET", "POST"])
    app.add_url_rule("/token", "token", server.create_token_response, methods=["POST"])
    app.add_url_rule("/revoke", "revoke", lambda: endpoint("revocation"), methods=["POST"])
    app.add_url_rule("/register", "register", lambda: endpoint("client_registration"), methods=["POST"])
    own = lambda **_: endpoint("client_configuration")  # noqa: E731 - like its siblings
    app.add_url_rule("/register/<client>", "own", own, methods=["GET", "PUT", "DELETE"])
    app.teardown_appcontext(lambda _: session.remove())


def build(origin: str) -> Ledger:
    Base.metadata.create_all(engine)
    app = Flask(__name__)
    app.config["OAUTH2_SCOPES_SUPPORTED"] = [SCOPE]
    server = AuthorizationServer(app, create_query_client_func(session, Client), create_save_token_func(session, Token))
    generator = Generator(origin)
    server.register_token_generator("default", generator)
    server.register_grant(CodeGrant, [CodeChallenge(required=True)])
    server.register_grant(RefreshGrant)
    for endpoint in (Revocation, Registration, Management):
        server.register_endpoint(endpoint)
    server.register_extension(Issuer())
    routes(app, server, metadata_of(origin), generator)
    return Ledger(WSGIMiddleware(app), {"revokeAll": lambda: forget(Token), "forgetClients": lambda: forget(Client)})


if __name__ == "__main__":
    serve(build)
