"""The settings of logins without a person. How a configuration is read as a whole: `test_profile.py`."""

from typing import get_args, get_type_hints

from mcp_auth_bridge.config.machine import RegisteredClientSettings
from mcp_auth_bridge.oauth import assertions


def test_the_algorithms_to_choose_from_are_those_of_the_keys():
    choices = get_args(get_type_hints(RegisteredClientSettings)["algorithm"])
    curves = [name for names in assertions._CURVES.values() for name in names]
    assert set(choices) - {""} == {*assertions._RSA, *curves, *assertions._ED25519}
