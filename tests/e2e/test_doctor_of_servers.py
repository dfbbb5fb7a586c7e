"""What doctor finds at servers that we did not write, of both eras and of the older transport."""

from pathlib import Path

import pytest
from era_peers import SERVERS, Program, running
from examining import evidence_of, examined
from pooling import story

from mcp_auth_bridge.doctor.finding import Finding, Outcome, Section
from mcp_auth_bridge.doctor.verdict import Blame

LEGACY, MODERN = "2025-11-25, the era of sessions", "2026-07-28, the era without sessions"


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.name)
@story
async def test_the_revisions_and_the_tools_of_each_sdk_are_told(server: Program, tmp_path: Path) -> None:
    with running(server, tmp_path) as peer:
        findings, verdict = await examined(evidence_of(tmp_path, peer.url), Section.SERVER)
    assert verdict.blame is Blame.NOTHING, findings
    for revision, words in (("2025-11-25", LEGACY), ("2026-07-28", MODERN)):
        assert (words in findings["revision"].says) == (revision in server.revisions), findings["revision"]
    assert findings["transport"].says.startswith("streamable HTTP, "), findings["transport"]
    assert is_told(findings["content"]), findings["content"]


def is_told(content: Finding) -> bool:
    return content.outcome is Outcome.OK and "tools" in content.says
