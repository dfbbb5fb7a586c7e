import asyncio
import sys

import pytest

from mcp_auth_bridge.commands import demo
from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.shell.process.invocation import adding_command


@pytest.mark.parametrize("package", ["mcp", "uvicorn"])
def test_without_its_extra_the_demo_names_what_to_install(monkeypatch, package):
    for name in [
        name for name in sys.modules if name.startswith(("mcp_auth_bridge.demo.story", "mcp_auth_bridge.demo.server"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)  # importing it now raises ModuleNotFoundError
    with pytest.raises(ConfigError) as caught:
        asyncio.run(demo.run(demo.Input(unattended=True), context=None))
    assert package in caught.value.message
    assert caught.value.hint == f"run: {adding_command('demo')}"
