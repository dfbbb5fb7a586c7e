"""The story that the demo tells."""

import asyncio
import os
import sys

import pytest

from mcp_auth_bridge.demo import story
from mcp_auth_bridge.errors import BridgeError


def test_a_failed_step_is_named_for_every_kind_of_exception():
    async def fail():
        with story._failing_as("logging in"):
            await story._run_command([sys.executable, "-c", "raise SystemExit(3)"], dict(os.environ))

    with pytest.raises(BridgeError) as caught:
        asyncio.run(fail())
    assert caught.value.message == "the demo failed while logging in: the command ended with exit code 3"
    nested = ExceptionGroup("outer", [ExceptionGroup("inner", [OSError("no such server")])])
    with pytest.raises(BridgeError, match="working: OSError “no such server”"), story._failing_as("working"):
        raise nested
