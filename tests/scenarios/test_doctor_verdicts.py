"""The golden verdicts of `doctor` in S1 and S5, every variant, and the seven questions of S1 answered by one command.

`doctor_verdicts.txt` holds each verdict as a person reads it, with ORIGIN for the origin of the server. It was read for
a reader who knows no OAuth; a change of its words is to be read so again.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import jwt
import pytest
from installed import Bridge
from peer import Peer, scenario
from scenarios.grown_web_app import STAGES
from scenarios.security_vendor import CLAIMS, HEADER, KEY, ORGANISATION

GOLDEN = Path(__file__).with_name("doctor_verdicts.txt")
OURS = {HEADER: "env:ACME_ORG"}
TOKEN = {"auth.kind": "bearer", "auth.token": "env:ACME_TOKEN"}


class Variant(NamedTuple):
    """`states` are those of the scenario's server; `then` changes it after a login, None for no login."""

    name: str
    server: str
    path: str
    states: list[str]
    headers: dict[str, str] | None = None
    settings: Mapping[str, Any] = MappingProxyType({})
    claims: Mapping[str, Any] = MappingProxyType({})
    then: list[str] | None = None


VENDOR = [
    Variant("S1, closed: a JWT of the other API without the header", *("vendor", "/stage7"), ["closed"], None, TOKEN),
    Variant("S1, closed: the JWT with the header", *("vendor", "/stage7"), ["closed"], OURS, TOKEN),
    Variant("S1, closed: an expired JWT", *("vendor", "/stage7"), ["closed"], OURS, TOKEN, {"exp": 1764000000}),
    Variant("S1, closed: a login", *("vendor", "/stage7"), ["closed"], OURS),
    Variant("S1 (a): the JWT without the header", *("vendor", "/stage7"), ["accepting"], None, TOKEN),
    Variant("S1 (a): the JWT with the header", *("vendor", "/stage7"), ["accepting"], OURS, TOKEN),
    Variant("S1 (b): no login, without the header", *("vendor", "/stage7"), []),
    Variant("S1 (b): no login", *("vendor", "/stage7"), [], OURS),
    Variant("S1 (b): logged in", *("vendor", "/stage7"), [], OURS, then=[]),
    Variant("S1 (b): logged in, before a firewall", *("vendor", "/stage7"), [], OURS, then=["walled"]),
    Variant("S1 (b): no login, a firewall before the login", *("vendor", "/stage7"), ["walled"], OURS),
]
APP = [
    *(
        Variant(f"S5, {stage}: {path}", *("app", path), [stage])
        for stage in STAGES
        for path in ("/mcp/mcp", "/mcp/sse", "/mcp")
    ),
    Variant("S5, audience: logged in", *("app", "/mcp/mcp"), ["audience"], then=[]),
    Variant(
        "S5, audience: the resource has a new name since the login", *("app", "/mcp/mcp"), ["audience"], then=["rename"]
    ),
]


@pytest.fixture(scope="module")
def peers(tmp_path_factory) -> Iterator[dict[str, Peer]]:
    vendor = scenario("security_vendor", tmp_path_factory.mktemp("vendor"))
    app = scenario("grown_web_app", tmp_path_factory.mktemp("app"))
    yield {"vendor": next(vendor), "app": next(app)}
    for each in (vendor, app):
        next(each, None)


@pytest.fixture
def prepared(tmp_path: Path, peers) -> Callable[[Variant], Bridge]:
    """Puts the server and a bridge into a variant."""

    def prepare(variant: Variant) -> Bridge:
        peer = peers[variant.server]
        home = tmp_path / "home"
        home.mkdir(0o700)
        bridge = Bridge(home)
        bridge.environment["ACME_ORG"] = ORGANISATION
        bridge.environment["ACME_TOKEN"] = jwt.encode({**CLAIMS, "exp": 4102444800, **variant.claims}, KEY, "HS256")
        peer.control(["renew", "reset", *variant.states])
        bridge.add_server("acme", f"{peer.about['origin']}{variant.path}", variant.headers, **variant.settings)
        if variant.then is not None:
            bridge.login("acme")
            peer.control(variant.then)
        return bridge

    return prepare


def golden() -> dict[str, str]:
    """The verdicts of the file, by the name of the variant."""
    parts = re.split(r"^## (.*)\n", GOLDEN.read_text(), flags=re.MULTILINE)
    return {name: text.strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def verdict(bridge: Bridge, peer: Peer) -> str:
    """The verdict as `doctor` prints it, each sentence on one line."""
    done = bridge.run("doctor", "acme")
    assert done.returncode == (16 if "\nverdict\n  fault: " in done.stdout else 0), done.stdout
    lines = done.stdout.rpartition("\nverdict\n")[2].replace(peer.about["origin"], "ORIGIN").split("\n")
    return re.sub(r"\n {4,}", " ", "\n".join(lines)).replace("\n  ", "\n").strip()


@pytest.mark.parametrize("variant", [*VENDOR, *APP], ids=lambda variant: variant.name)
def test_the_verdict_is_the_golden_one(variant: Variant, prepared, peers) -> None:
    assert verdict(prepared(variant), peers[variant.server]) == golden()[variant.name]


def test_every_golden_verdict_is_compared() -> None:
    assert list(golden()) == [variant.name for variant in (*VENDOR, *APP)]


def test_one_command_answers_the_seven_questions(prepared, peers) -> None:
    """Issuer, audience, expiry, metadata, each address, header, whose fault."""
    ends = int(time.time()) + 3130
    bridge = prepared(VENDOR[0]._replace(claims={"exp": ends}))
    report = bridge.run("doctor", "acme").stdout
    flat = " ".join(report.split())
    # Which issuer, which audience does my token carry, and is it expired?
    assert "iss “Vendor”" in flat
    assert f"aud “{CLAIMS['aud']}”" in flat
    assert "valid for 52 more minutes" in flat
    # Does the server publish OAuth metadata, and what did each address answer?
    assert "none of 7 addresses holds metadata" in flat
    for place in ("oauth-protected-resource/stage7", "oauth-protected-resource", "oauth-authorization-server/stage7"):
        assert re.search(rf"/\.well-known/{place}: HTTP 404 ", flat)
    assert re.search(r"/\.well-known/openid-configuration: HTTP 401 text/plain “Jwt is missing”", flat)
    # Which header does the server want?
    assert f"{HEADER}" in flat.partition("its OAuth")[0]
    # Whose fault is it, and what is the one next step?
    last = flat.rpartition("verdict")[2]
    assert last.startswith(" fault: you ")
    assert f"next step: add --header '{HEADER}: …'" in last
    assert bridge.environment["ACME_TOKEN"] not in report


def test_the_example_of_the_documentation_is_what_doctor_prints(prepared, peers) -> None:
    text = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text()
    example = text.partition("## An example")[2].partition("```\n")[2].partition("```")[0]
    printed = prepared(VENDOR[0]).run("doctor", "acme").stdout
    checks, shown = (
        re.findall(r"^  (?:ok|warn|fail|skip) +[\w ]+?(?=  |$)", each, re.MULTILINE) for each in (printed, example)
    )
    assert shown == checks
    assert example.rpartition("verdict")[2].split() == printed.rpartition("verdict")[2].split()
