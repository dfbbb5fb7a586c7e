"""The MCP project's own conformance suite (npm `@modelcontextprotocol/conformance`): its client scenarios, one by one.

The suite plays the server, driver.py the IDE, and the bridge is between them. The suite's parallel mode is never used,
because some of its checks measure time.
"""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from peer import TESTS, install_node_modules, node

pytestmark = pytest.mark.slow

DRIVER = Path(__file__).with_name("driver.py")
STABLE, ALPHA = "conformance-stable", "conformance-alpha"
OLDEST, LEGACY, MODERN = "2025-03-26", "2025-11-25", "2026-07-28"
# Only a hang reaches this deadline: no test's outcome depends on the speed of the machine.
HANG = 100

AUTH = (
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
MODERN_AUTH = (
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
# MCP 2025-03-26 had no protected-resource metadata: optional in the suite, but servers of that time still exist.
# Not in the stable suite: its server there names an issuer other than its own URL.
OLDEST_AUTH = ("2025-03-26-oauth-metadata-backcompat", "2025-03-26-oauth-endpoint-fallback")
# Extensions: RFC 9449 and the grants without a user. They belong to no revision, so the suite runs them with --force.
EXTENSIONS = (
    "auth/dpop",
    "auth/dpop-nonce",
    "auth/client-credentials-basic",
    "auth/client-credentials-jwt",
    "auth/enterprise-managed-authorization",
    "auth/wif-jwt-bearer",
)
SCENARIOS = [
    *(
        (suite, LEGACY, scenario)
        for suite in (STABLE, ALPHA)
        for scenario in ("initialize", "tools_call", "elicitation-sep1034-client-defaults", "sse-retry")
    ),
    *((suite, LEGACY, f"auth/{scenario}") for suite in (STABLE, ALPHA) for scenario in AUTH),
    *((ALPHA, MODERN, f"auth/{scenario}") for scenario in (*AUTH, *MODERN_AUTH)),
    *((ALPHA, OLDEST, f"auth/{scenario}") for scenario in OLDEST_AUTH),
    *((ALPHA, version, scenario) for version in (LEGACY, MODERN) for scenario in EXTENSIONS),
    (ALPHA, LEGACY, "json-schema-2020-12-preservation"),
    *(
        (ALPHA, MODERN, scenario)
        for scenario in (
            "tools_call",
            "request-metadata",
            "http-standard-headers",
            "http-custom-headers",
            "http-invalid-tool-headers",
            "json-schema-ref-no-deref",
            "json-schema-2020-12-preservation",
            "sep-2322-client-request-state",
        )
    ),
]


@pytest.fixture(scope="session", autouse=True)
def _installed():
    install_node_modules()


@pytest.mark.parametrize(("suite", "version", "scenario"), SCENARIOS)
def test_the_bridge_passes_the_scenario(suite, version, scenario, tmp_path):
    said = run(suite, version, scenario, tmp_path)
    checks = verdicts(tmp_path)
    assert [check for check in checks if check["status"] in ("FAILURE", "WARNING")] == [], said
    assert any(check["status"] == "SUCCESS" for check in checks), said
    assert "OVERALL: PASSED" in said, said


def run(suite, version, scenario, results):
    """Runs one scenario of one suite and returns its stderr; `results` holds its checks."""
    path = os.pathsep.join(str(TESTS / folder) for folder in ("support", "e2e"))
    main = TESTS / "node_modules" / suite / "dist/index.js"
    client = shlex.join([sys.executable, str(DRIVER)])
    options = ["--scenario", scenario, "--spec-version", version, "--output-dir", str(results)]
    options += ["--force"] if scenario in EXTENSIONS else []
    done = subprocess.run(
        [node(), "--no-deprecation", str(main), "client", "--command", client, *options],
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
