"""Errors of a connection attempt become the bridge's own."""

import errno

import pytest

from mcp_auth_bridge.errors import Unreachable
from mcp_auth_bridge.shell.net.error_translation import translate_errors


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(errno.ECONNREFUSED, "x"),
        UnicodeEncodeError("idna", "x", 0, 1, "label too long"),
    ],
)
def test_an_error_of_the_system_names_the_other_side(error):
    with pytest.raises(Unreachable, match=r"mcp\.example:443"), translate_errors("mcp.example:443"):
        raise error


def test_an_attempt_without_an_error_passes():
    with translate_errors("mcp.example:443"):
        pass


def test_a_timeout_is_left_to_the_deadline_over_all_steps():
    with pytest.raises(TimeoutError), translate_errors("mcp.example:443"):
        raise TimeoutError
