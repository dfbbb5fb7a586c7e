"""The versions in the report."""

import platform

import anyio
from examining import evidence_of

from mcp_auth_bridge import __version__
from mcp_auth_bridge.doctor.finding import Outcome
from mcp_auth_bridge.doctor.version import version


def test_the_report_begins_with_the_versions_of_the_bridge_of_python_and_of_the_system(tmp_path):
    found = anyio.run(version, evidence_of(tmp_path, "https://mcp.acme.example/mcp"))
    assert found.outcome is Outcome.OK
    assert found.says.startswith(f"{__version__}, Python {platform.python_version()}, {platform.system()} ")
