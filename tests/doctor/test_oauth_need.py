"""Whether the server's OAuth matters to the bridge."""

import pytest
from oauth_world import accepted, cut_off, refused, served

from mcp_auth_bridge.config.auth import AnonymousSettings, BearerSettings
from mcp_auth_bridge.config.login import BrowserSettings
from mcp_auth_bridge.doctor.oauth_need import Need, weigh
from mcp_auth_bridge.errors import UpstreamFailed


@pytest.mark.parametrize(
    ("auth", "answers", "need", "reason"),
    [
        (BrowserSettings(), refused(), Need.NEEDED, "refuses a client without credentials"),
        (BrowserSettings(), accepted(), Need.LATER, "accepts the present login"),
        (BrowserSettings(), served(), Need.SPARED, "serves everyone"),
        (BrowserSettings(), cut_off(UpstreamFailed("no", status=403)), Need.UNKNOWN, "does not ask for credentials"),
        (BearerSettings("env:TOKEN"), refused(), Need.SPARED, "presents a token from the environment variable TOKEN"),
        (AnonymousSettings(), refused(), Need.SPARED, "presents no credentials"),
    ],
)
def test_a_login_is_needed_if_the_server_refuses_strangers_and_the_bridge_is_to_log_in(auth, answers, need, reason):
    found = weigh(auth, answers)
    assert found.need is need
    assert reason in found.reason
