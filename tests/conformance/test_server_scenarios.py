"""The suite's server scenarios through the bridge: the suite is the client, and peers/suite_server.py the server.

The suite speaks streamable HTTP, so peers/http_front.py is between it and the bridge's stdio. Suite and server speak
the same era, or the bridge translates between the two.
"""

import json
import os
import re
import subprocess
import sys

import pytest
from installed import Bridge
from peer import PEERS, TESTS, Peer, install_node_modules, node

pytestmark = pytest.mark.slow

SUITE = TESTS / "node_modules/conformance-alpha"
LEGACY, MODERN = "2025-11-25", "2026-07-28"
# Only a hang reaches this deadline: no test's outcome depends on the speed of the machine.
HANG = 300

# These judge the HTTP side of a server, which is the front's here: Host and Origin, streams, statuses.
OF_THE_FRONT = {"dns-rebinding-protection", "server-sse-multiple-streams", "server-stateless"}


@pytest.fixture(scope="session", autouse=True)
def _installed():
    install_node_modules()


@pytest.fixture
def front(era, tmp_path):
    """The URL of the bridge in front of a server of one era."""
    bridge = Bridge(tmp_path)
    server = Peer([sys.executable, str(PEERS / "suite_server.py"), era], tmp_path / "server.log")
    bridge.add_server("suite", server.url, **{"auth.kind": "none"})
    front = Peer([sys.executable, str(PEERS / "http_front.py"), str(tmp_path), "suite"], tmp_path / "front.log")
    yield front.url
    front.stop()
    server.stop()


@pytest.mark.parametrize(
    ("version", "era", "count"),
    [(LEGACY, "legacy", 28), (MODERN, "modern", 34)],
)
def test_the_server_behind_the_bridge_passes_every_scenario_that_the_revision_requires(
    version, era, count, front, tmp_path
):
    results = tmp_path / "results"
    said = run(version, front, results)
    checks = verdicts(results)
    expected = required(version) - OF_THE_FRONT
    assert len(expected) == count
    assert {name: failed(checks[name]) for name in expected if not passed(checks[name])} == {}, said


def required(version):
    """The server scenarios of requirements/*.yaml that are scored."""
    text = (SUITE / f"requirements/{version}.yaml").read_text()
    section = re.search(r"^server:\n((?:  - .*\n|\s*#.*\n)+)", text, re.MULTILINE)
    return set(re.findall(r"^  - (\S+)$", section[1], re.MULTILINE))


def run(version, url, results):
    """Runs all scenarios of a revision, one after the other, and returns what the suite says."""
    options = ["--requirements", version, "--url", url, "--output-dir", str(results)]
    done = subprocess.run(
        [node(), "--no-deprecation", str(SUITE / "dist/index.js"), "server", *options],
        env={**os.environ, "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=HANG,
        check=False,
    )
    return done.stdout


def verdicts(results):
    """The checks of each scenario, by its name: its folder is `server-NAME-TIME`."""
    folders = {re.sub(r"-\d{4}-\d\d-\d\dT.*", "", path.parent.name): path for path in results.rglob("checks.json")}
    return {name.removeprefix("server-"): json.loads(path.read_text()) for name, path in folders.items()}


def passed(checks):
    return not failed(checks) and any(check["status"] == "SUCCESS" for check in checks)


def failed(checks):
    return [check for check in checks if check["status"] in ("FAILURE", "WARNING")]
