"""The check of the disk: the folders of logins and locks take a file, and what ended processes left there is told."""

import anyio
import pytest
from commanding import context_of
from faults.server import FaultServer
from msgspec.structs import replace
from pooling import story
from stored_login import BROWSER, log_in

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.config.config_file import Config
from mcp_auth_bridge.config.redis import RedisStoreSettings
from mcp_auth_bridge.config.store import MemoryStoreSettings
from mcp_auth_bridge.doctor import disk as disk_module
from mcp_auth_bridge.doctor.disk import disk
from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Outcome
from mcp_auth_bridge.doctor.subject import Subject
from mcp_auth_bridge.doctor.symptoms import Symptom
from mcp_auth_bridge.errors import StoreError
from mcp_auth_bridge.shell.files.paths import NOWHERE

URL = "http://127.0.0.1:1/mcp"


@pytest.fixture
def context(tmp_path):
    return context_of(tmp_path, URL, BROWSER)


def about(context):
    return Evidence(Subject(context, Bridge(context.config.profiles["acme"], context)))


def full(folder, size):
    raise StoreError(f"there is no space left to write {folder}", "free some space and repeat")


def test_the_free_space_is_told_and_no_folder_is_made(context, tmp_path):
    before = sorted(tmp_path.iterdir())
    found = anyio.run(disk, about(context))
    assert (found.outcome, found.details) == (Outcome.OK, ())
    assert found.says.endswith(f"B free at {tmp_path}")
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("count", "words"), [(5 * (1 << 30), "5.0 GiB"), (3 << 19, "1.5 MiB"), (2048, "2.0 KiB"), (512, "0.5 KiB")]
)
def test_space_is_told_in_the_largest_unit(context, monkeypatch, count, words):
    monkeypatch.setattr(disk_module, "free_bytes", lambda folder: count)
    assert anyio.run(disk, about(context)).says.startswith(f"{words} free at ")


def test_what_ended_processes_and_damaged_records_left_is_told(context):
    log_in(context, "acme")
    for name in ("a.sealed.0f.tmp", "b.sealed.damaged-1", "c.sealed.damaged-2"):
        (context.paths.records / name).touch()
    assert anyio.run(disk, about(context)).details == (
        "1 temporary file of an ended process, which the next login or refresh removes",
        f"2 copies of damaged records, which nothing needs: {context.paths.records}/b.sealed.damaged-1",
    )


def test_a_folder_that_takes_no_file_is_a_failure(context, monkeypatch):
    monkeypatch.setattr(disk_module, "check_takes", full)
    found = anyio.run(disk, about(context))
    assert (found.outcome, [each.symptom for each in found.signs]) == (Outcome.FAIL, [Symptom.FOLDER_UNUSABLE])
    assert found.says == f"there is no space left to write {context.paths.records}"


@story
async def test_a_server_that_needs_no_login_needs_no_disk(tmp_path):
    before = disk_module.check_takes
    disk_module.check_takes = full
    try:
        async with FaultServer("legacy") as server:
            found = await disk(about(context_of(tmp_path, server.url, BROWSER)))
    finally:
        disk_module.check_takes = before
    assert (found.outcome, found.signs) == (Outcome.OK, ())
    assert found.says.startswith("no login is needed (none could be stored: there is no space left")


def test_a_network_drive_is_a_warning_with_another_place_to_choose(context, monkeypatch):
    kinds = {context.paths.records: "", context.paths.locks: "nfs4"}
    monkeypatch.setattr(disk_module, "network_file_system", kinds.get)
    found = anyio.run(disk, about(context))
    assert found.outcome is Outcome.WARN
    assert found.says.startswith(f"{context.paths.locks} is on a network drive (nfs4)")
    assert "MCP_AUTH_BRIDGE_HOME" in found.hint


def test_a_shared_store_has_only_its_locks_here(context, monkeypatch):
    asked = []
    monkeypatch.setattr(disk_module, "check_takes", lambda folder, size: asked.append(folder))
    store = RedisStoreSettings(url="rediss://redis.example:6379/0", key_file="/nonexistent/key")
    shared = replace(context, config=replace(context.config, store=store))
    assert anyio.run(disk, Evidence(Subject(shared))).outcome is Outcome.OK
    assert asked == [context.paths.locks]


def test_what_keeps_nothing_needs_no_disk(context, tmp_path):
    forgetting = replace(context, config=replace(context.config, store=MemoryStoreSettings()))
    static = context_of(tmp_path, URL)
    homeless = Context(NOWHERE, Config(NOWHERE.config, MemoryStoreSettings()), {})
    subjects = (Subject(forgetting), about(static).subject, Subject(homeless))
    assert [anyio.run(disk, Evidence(subject)).outcome for subject in subjects] == [Outcome.SKIP] * 3
