"""What is remembered for one server is nobody else's."""

import msgspec
import pytest
from commanding import world_of

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.secret import reference


def remembered(tmp_path, environ, **headers):
    context = world_of(tmp_path, "https://mcp.example/mcp", environ=environ)
    named = {name.replace("_", "-"): reference(text, "a header") for name, text in headers.items()}
    return Bridge(msgspec.structs.replace(context.config.profiles["acme"], headers=named), context).server_cache


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (({}, {"X_Org": "1"}), ({}, {"X_Org": "2"})),
        (({"ORG": "1"}, {"X_Org": "env:ORG"}), ({"ORG": "2"}, {"X_Org": "env:ORG"})),
        (({}, {"X_Org": "1"}), ({}, {})),
    ],
)
def test_the_tools_that_one_organisation_was_shown_are_not_shown_to_another(tmp_path, one, other):
    mine, theirs = remembered(tmp_path, one[0], **one[1]), remembered(tmp_path, other[0], **other[1])
    mine.save("tools/list", b'{"tools":[]}')
    assert theirs.load() == {}
    assert remembered(tmp_path, one[0], **one[1]).load() == {"tools/list": b'{"tools":[]}'}
