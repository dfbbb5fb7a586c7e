"""canaille, an identity server, as installed: everything in memory, one user, registration open to all.

python canaille_server.py LOGIN PASSWORD
"""

import itertools
import sys

from a2wsgi import WSGIMiddleware
from canaille import create_app
from canaille.app import models
from canaille.backends import Backend
from ledger import Ledger, Places
from serving import serve

PLACES = Places(token="/oauth/token", revocation="/oauth/revoke", registration="/oauth/register")


_lifetimes = itertools.count(1800)


def lifetime(client: models.Client, grant_type: str) -> int:
    """Seconds, different each time: two tokens that canaille signs within one second would be identical."""
    return next(_lifetimes)


def build(origin: str) -> Ledger:
    login, password = sys.argv[1:]
    app = create_app(
        {
            "SECRET_KEY": "of this test",
            "SERVER_NAME": origin.removeprefix("http://"),
            "PREFERRED_URL_SCHEME": "http",
            "OAUTH2_TOKEN_EXPIRES_IN": "canaille_server.lifetime",
            "CANAILLE_OIDC": {"DYNAMIC_CLIENT_REGISTRATION_OPEN": True, "TRUSTED_DOMAINS": []},
        }
    )
    with app.app_context(), Backend.instance.session():
        user = models.User(
            user_name=login, formatted_name="Mia", family_name="Mia", emails=["mia@example.test"], password=password
        )
        Backend.instance.save(user)

    def forget(*kinds: type) -> None:
        with app.app_context(), Backend.instance.session():
            for kind in kinds:
                for kept in Backend.instance.query(kind):
                    Backend.instance.delete(kept)

    actions = {
        "revokeAll": lambda: forget(models.Token),
        "forgetClients": lambda: forget(models.Token, models.Consent, models.Client),
    }
    return Ledger(WSGIMiddleware(app), actions, PLACES)


if __name__ == "__main__":
    serve(build)
