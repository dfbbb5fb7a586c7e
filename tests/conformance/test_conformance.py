"""The MCP project's own conformance suite (npm `@modelcontextprotocol/conformance`): its client scenarios, one by one.

The suite plays the server, driver.py the IDE, and the bridge is between them. The IDE speaks the era of the scenario or
the other one, and the user logs in before the bridge starts or when the first tool call opens the browser. The suite's
parallel mode is never used, because some of its checks measure time.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from peer import TESTS, install_node_modules, node

pytestmark = pytest.mark.slow

DRIVER = Path(__file__).with_name("driver.py")
SUITE = TESTS / "node_modules/conformance-alpha"
OLDEST, LEGACY, MODERN = "2025-03-26", "2025-11-25", "2026-07-28"
# Only a hang reaches this deadline: no test's outcome depends on the speed of the machine.
HANG = 100

SCORED_AUTH = tuple(
    f"auth/{name}"
    for name in (
        "basic-cimd",
        "metadata-default",
        "metadata-var1",
        "metadata-var2",
        "metadata-var3",
        "scope-from-www-authenticate",
        "scope-from-scopes-supported",
        "scope-omitted-when-undefined",
        "scope-step-up",
        "scope-retry-limit",
        "token-endpoint-auth-basic",
        "token-endpoint-auth-post",
        "token-endpoint-auth-none",
        "pre-registration",
    )
)
SCORED_MODERN_AUTH = tuple(
    f"auth/{name}"
    for name in (
        "resource-mismatch",
        "authorization-server-migration",
        "offline-access-scope",
        "offline-access-not-supported",
        "iss-supported",
        "iss-not-advertised",
        "iss-supported-missing",
        "iss-wrong-issuer",
        "iss-unexpected",
        "iss-normalized",
        "metadata-issuer-mismatch",
    )
)
# The scenarios that a revision requires, as the suite's requirements/*.yaml name them.
SCORED = {
    LEGACY: ("initialize", "tools_call", "elicitation-sep1034-client-defaults", "sse-retry", *SCORED_AUTH),
    MODERN: (
        "tools_call",
        "request-metadata",
        "http-standard-headers",
        "http-custom-headers",
        "http-invalid-tool-headers",
        "json-schema-ref-no-deref",
        "sep-2322-client-request-state",
        *SCORED_AUTH,
        *SCORED_MODERN_AUTH,
    ),
}
# MCP 2025-03-26 had no protected-resource metadata: optional in the suite, but servers of that time still exist.
OLDEST_AUTH = ("auth/2025-03-26-oauth-metadata-backcompat", "auth/2025-03-26-oauth-endpoint-fallback")
# Extensions: RFC 9449 and the grants without a user. They belong to no revision, so the suite runs them with --force.
EXTENSIONS = (
    "auth/dpop",
    "auth/dpop-nonce",
    "auth/client-credentials-basic",
    "auth/client-credentials-jwt",
    "auth/enterprise-managed-authorization",
    "auth/wif-jwt-bearer",
)
PRESERVATION = "json-schema-2020-12-preservation"  # newer than both revisions
# A login by itself is the same whatever begins it. In these, the relay and the login meet in different ways.
LOGINS = ("auth/basic-cimd", "auth/scope-step-up", "auth/scope-retry-limit", "auth/pre-registration")
# The scenario judges the very first request, which is the legacy client's `initialize`: only its refusal tells the
# bridge that the server is modern. To ask each server for the modern era first would lose, at a server of both eras
# (the Python SDK's 2.x), what its tools ask the client in a session.
FIRST_REQUEST = "request-metadata"
ERAS = {LEGACY: "legacy", MODERN: "modern"}
OTHER = {LEGACY: "modern", MODERN: "legacy"}
RUNS = [
    *((ERAS[version], "before", version, scenario) for version in SCORED for scenario in SCORED[version]),
    *(
        (OTHER[version], "on-demand", version, scenario)
        for version in SCORED
        for scenario in SCORED[version]
        if scenario != FIRST_REQUEST
    ),
    *((ERAS[version], "on-demand", version, scenario) for version in SCORED for scenario in LOGINS),
    *((OTHER[version], "before", version, scenario) for version in SCORED for scenario in LOGINS),
    *((ERAS[version], "before", version, scenario) for version in ERAS for scenario in (*EXTENSIONS, PRESERVATION)),
    *(("legacy", "before", OLDEST, scenario) for scenario in OLDEST_AUTH),
]


@pytest.fixture(scope="session", autouse=True)
def _installed():
    install_node_modules()


@pytest.mark.parametrize("version", SCORED)
def test_every_scenario_that_the_revision_requires_is_played(version):
    text = (SUITE / f"requirements/{version}.yaml").read_text()
    required = re.search(r"^client:\n((?:  - .*\n|\s*#.*\n)+)", text, re.MULTILINE)
    assert sorted(re.findall(r"^  - (\S+)$", required[1], re.MULTILINE)) == sorted(SCORED[version])


@pytest.mark.parametrize(("era", "login", "version", "scenario"), RUNS)
def test_the_bridge_passes_the_scenario(era, login, version, scenario, tmp_path):
    said = run(era, login, version, scenario, tmp_path)
    checks = verdicts(tmp_path)
    assert [check for check in checks if check["status"] in ("FAILURE", "WARNING")] == [], said
    assert any(check["status"] == "SUCCESS" for check in checks), said
    assert "OVERALL: PASSED" in said, said


def test_of_a_legacy_client_only_the_first_request_is_not_one_of_the_modern_era(tmp_path):
    said = run("legacy", "before", MODERN, FIRST_REQUEST, tmp_path)
    failed = [check for check in verdicts(tmp_path) if check["status"] in ("FAILURE", "WARNING")]
    assert {check["details"]["method"] for check in failed} == {"initialize"}, said


def run(era, login, version, scenario, results):
    """Runs one scenario and returns its stderr; `results` holds its checks."""
    path = os.pathsep.join(str(TESTS / folder) for folder in ("support", "e2e"))
    client = shlex.join([sys.executable, str(DRIVER), era, login])
    options = ["--scenario", scenario, "--spec-version", version, "--output-dir", str(results)]
    options += ["--force"] if scenario in EXTENSIONS else []
    done = subprocess.run(
        [node(), "--no-deprecation", str(SUITE / "dist/index.js"), "client", "--command", client, *options],
        env={**os.environ, "NO_COLOR": "1", "PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=HANG,
        check=False,
    )
    return done.stdout


def verdicts(results):
    (checks,) = results.rglob("checks.json")
    return json.loads(checks.read_text())
