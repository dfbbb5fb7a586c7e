"""The check of the store: a login that cannot be opened is a failure, one that is not needed is none."""

import anyio
import pytest
from commanding import context_of
from examining import evidence_of
from faults.server import FaultServer
from msgspec.structs import replace
from pooling import story
from stored_login import BROWSER, log_in

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.config.store import MemoryStoreSettings
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Outcome
from mcp_auth_bridge.doctor.store import store
from mcp_auth_bridge.doctor.subject import Subject
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.stores.sealed import file_name

URL = "http://127.0.0.1:1/mcp"


@pytest.fixture
def context(tmp_path):
    return context_of(tmp_path, URL, BROWSER)


def examined(context, *, alone=False):
    bridge = None if alone else Bridge(context.config.profiles["acme"], context)
    return anyio.run(store, Evidence(Subject(context, bridge)))


def symptoms(found):
    return [each.symptom for each in found.signs]


def lose_the_key(context):
    (context.paths.config.parent / "sealing.key").unlink()


def spoil(context, record):
    (context.paths.records / file_name(record)).write_bytes(b"nonsense")


def test_logins_are_counted_and_their_place_is_named(context):
    assert examined(context).says.startswith(f"no login is stored yet in {context.paths.records}, sealed with a key in")
    log_in(context, "acme")
    assert examined(context).says.startswith("1 login in ")
    log_in(context, "https://other.example/mcp")
    assert examined(context, alone=True).says.startswith("2 logins in ")


@pytest.mark.parametrize("alone", [False, True])
def test_a_store_with_a_login_that_does_not_open_is_a_failure(context, alone):
    log_in(context, "acme")
    lose_the_key(context)
    found = examined(context, alone=alone)
    assert (found.outcome, symptoms(found)) == (Outcome.FAIL, [Symptom.STORE_CLOSED])
    assert "the sealing key is missing" in found.says


def test_a_store_without_a_login_that_does_not_open_is_a_warning(context):
    log_in(context, "https://other.example/mcp")
    lose_the_key(context)
    found = examined(context)
    assert (found.outcome, symptoms(found)) == (Outcome.WARN, [Symptom.LOGIN_NOT_KEPT])
    assert found.says.startswith("no login is stored, and none could be: the sealing key is missing")


@story
async def test_a_server_that_needs_no_login_needs_no_store(tmp_path):
    async with FaultServer("legacy") as server:
        evidence = evidence_of(tmp_path, server.url, BROWSER)
        log_in(evidence.subject.context, "https://other.example/mcp")
        lose_the_key(evidence.subject.context)
        found = await store(evidence)
    assert (found.outcome, found.signs) == (Outcome.OK, ())
    assert found.says.startswith("no login is stored, and none is needed")


def test_the_damaged_record_of_the_server_is_a_failure_and_another_one_a_warning(context):
    log_in(context, "acme")
    bridge = Bridge(context.config.profiles["acme"], context)
    spoil(context, bridge.record)
    found = examined(context)
    assert (found.outcome, symptoms(found)) == (Outcome.FAIL, [Symptom.LOGIN_DAMAGED])
    assert found.hint.startswith("run mcp-auth-bridge login acme; ")
    others = examined(context, alone=True)
    assert (others.outcome, symptoms(others), len(others.details)) == (Outcome.WARN, [], 1)
    log_in(context, "https://other.example/mcp")
    other = Bridge(context.config.profile("https://other.example/mcp"), context)
    of_other = anyio.run(store, Evidence(Subject(context, other)))
    assert (of_other.outcome, len(of_other.details)) == (Outcome.OK, 1)
    assert others.says.startswith(f"1 of the records in {context.paths.records}")


def test_a_login_of_a_newer_version_is_a_failure_with_the_way_out(context):
    log_in(context, "acme", version=99)
    found = examined(context)
    assert (found.outcome, symptoms(found)) == (Outcome.FAIL, [Symptom.LOGIN_DAMAGED])
    assert found.says.endswith("was written by another version of the bridge (format 99)")
    assert found.hint == "use that version, or log in again: mcp-auth-bridge login acme"


def test_what_is_not_known_or_not_used_is_skipped(context, tmp_path):
    assert examined(replace(context, error=ConfigError("broken"))).outcome is Outcome.SKIP
    found = anyio.run(store, evidence_of(tmp_path, URL, '{ kind = "bearer", token = "env:T" }'))
    assert (found.outcome, found.says) == (
        Outcome.SKIP,
        "nothing is stored for acme: its credential is configured",
    )


def test_the_memory_store_ends_with_the_process(context):
    store_settings = MemoryStoreSettings()
    found = examined(replace(context, config=replace(context.config, store=store_settings)), alone=True)
    assert (found.outcome, found.says) == (Outcome.OK, "memory, until the process ends")


def test_a_login_would_not_stay_in_the_memory_store(context):
    acme = replace(context.config.profiles["acme"], store=MemoryStoreSettings())
    found = examined(replace(context, config=replace(context.config, profiles={"acme": acme})))
    assert (found.outcome, symptoms(found)) == (Outcome.WARN, [Symptom.LOGIN_NOT_KEPT])
    assert found.says.endswith("a login cannot be kept: the store here is memory")
