"""Authlib's parts, completed as its documentation shows: storage (in SQLAlchemy), grants, endpoints, tokens.

METHODS are the client authentication methods at every endpoint: the words of the command line.
"""

import secrets
import sys
from typing import Any

from authlib.integrations.sqla_oauth2 import (
    OAuth2AuthorizationCodeMixin,
    OAuth2ClientMixin,
    OAuth2TokenMixin,
    create_revocation_endpoint,
)
from authlib.oauth2.rfc6749 import AuthorizationCodeGrant, RefreshTokenGrant
from authlib.oauth2.rfc7591 import ClientRegistrationEndpoint
from authlib.oauth2.rfc7592 import ClientConfigurationEndpoint
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from authlib.oauth2.rfc9207 import IssuerParameter
from flask import request as flask_request
from joserfc.jwk import KeySet, RSAKey
from sqlalchemy import Column, Integer, String, create_engine
from sqlalchemy.orm import declarative_base, scoped_session, sessionmaker
from sqlalchemy.pool import StaticPool

METHODS = sys.argv[1:]
SCOPE = "mcp"

engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
session: Any = scoped_session(sessionmaker(engine))
Base: Any = declarative_base()


class User:
    def get_user_id(self) -> str:
        return "alice@example.test"


class Client(Base, OAuth2ClientMixin):
    __tablename__ = "client"
    id = Column(Integer, primary_key=True)
    management_token = Column(String)

    def check_client(self, client: "Client") -> bool:
        return self.id == client.id


class Code(Base, OAuth2AuthorizationCodeMixin):
    __tablename__ = "code"
    id = Column(Integer, primary_key=True)


class Token(Base, OAuth2TokenMixin):
    __tablename__ = "token"
    id = Column(Integer, primary_key=True)
    user_id = Column(String)


def forget(kind: type) -> None:
    """Delete all stored rows of one kind."""
    session.query(kind).delete()
    session.commit()
    session.remove()


class CodeGrant(AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def save_authorization_code(self, code: str, request: Any) -> None:
        asked = request.payload
        session.add(
            Code(
                code=code,
                client_id=request.client.client_id,
                redirect_uri=asked.redirect_uri,
                scope=asked.scope,
                code_challenge=asked.data.get("code_challenge"),
                code_challenge_method=asked.data.get("code_challenge_method"),
            )
        )
        session.commit()

    def query_authorization_code(self, code: str, client: Client) -> Code | None:
        found = session.query(Code).filter_by(code=code, client_id=client.client_id).first()
        return found if found and not found.is_expired() else None

    def delete_authorization_code(self, authorization_code: Code) -> None:
        session.delete(authorization_code)
        session.commit()

    def authenticate_user(self, authorization_code: Code) -> User:
        return User()


class RefreshGrant(RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> Token | None:
        found = session.query(Token).filter_by(refresh_token=refresh_token).first()
        return found if found and not found.refresh_token_revoked_at else None

    def authenticate_user(self, refresh_token: Token) -> User:
        return User()

    def revoke_old_credential(self, refresh_token: Token) -> None:
        refresh_token.access_token_revoked_at = refresh_token.refresh_token_revoked_at = 1
        session.commit()


class Generator(JWTBearerTokenGenerator):
    """Issues tokens for the requested resource (RFC 8707), which Authlib leaves to its user."""

    def __init__(self, issuer: str) -> None:
        super().__init__(
            issuer,
            refresh_token_generator=lambda **_: secrets.token_urlsafe(32),
            expires_generator=lambda _client, _grant_type: 3600,
        )
        self.keys = KeySet([RSAKey.generate_key(2048, {"kid": secrets.token_hex(8), "use": "sig", "alg": "RS256"})])

    def get_jwks(self) -> KeySet:
        return self.keys

    def get_audiences(self, client: Client, user: User, scope: str) -> str:
        return flask_request.form["resource"]


class Revocation(create_revocation_endpoint(session, Token)):
    CLIENT_AUTH_METHODS = METHODS


class Registration(ClientRegistrationEndpoint):
    """Open to all. Each client gets a secret, whatever method it registers: Authlib's own behaviour."""

    def authenticate_token(self, request: Any) -> str:
        return "open"

    def get_server_metadata(self) -> dict[str, Any]:
        return metadata_of(flask_request.host_url.rstrip("/"))

    def save_client(self, client_info: dict[str, Any], client_metadata: dict[str, Any], request: Any) -> Client:
        client = Client(**client_info, management_token=secrets.token_urlsafe(32))
        client.set_client_metadata(client_metadata)
        session.add(client)
        session.commit()
        return client

    def generate_client_registration_info(self, client: Client, request: Any) -> dict[str, Any]:
        place = f"{self.get_server_metadata()['registration_endpoint']}/{client.client_id}"
        return {"registration_client_uri": place, "registration_access_token": client.management_token}


class Management(ClientConfigurationEndpoint):
    def authenticate_token(self, request: Any) -> Client | None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return session.query(Client).filter_by(management_token=token).first()

    def authenticate_client(self, request: Any) -> Client | None:
        return session.query(Client).filter_by(client_id=request.uri.rpartition("/")[2]).first()

    def check_permission(self, client: Client, request: Any) -> bool:
        return True

    def revoke_access_token(self, token: Client, request: Any) -> None:
        """The token of a deleted client is deleted with it."""

    def delete_client(self, client: Client, request: Any) -> None:
        session.delete(client)
        session.commit()

    def generate_client_registration_info(self, client: Client, request: Any) -> dict[str, Any]:
        return {"registration_client_uri": request.uri, "registration_access_token": client.management_token}


class Issuer(IssuerParameter):
    def get_issuer(self) -> str:
        return flask_request.host_url.rstrip("/")


def metadata_of(origin: str) -> dict[str, Any]:
    return {
        "issuer": origin,
        "authorization_endpoint": f"{origin}/authorize",
        "token_endpoint": f"{origin}/token",
        "revocation_endpoint": f"{origin}/revoke",
        "registration_endpoint": f"{origin}/register",
        "jwks_uri": f"{origin}/jwks",
        "scopes_supported": [SCOPE],
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_methods_supported": METHODS,
        "revocation_endpoint_auth_methods_supported": METHODS,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }
