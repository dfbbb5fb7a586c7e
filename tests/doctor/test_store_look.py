"""A look at the store: nothing is created, and a store that does not open costs no other evidence."""

import anyio
import pytest
from commanding import KEY, context_of, store_of
from msgspec.structs import replace
from stored_login import BROWSER, log_in

from mcp_auth_bridge.app.bridge import Bridge
from mcp_auth_bridge.config.config_file import parse
from mcp_auth_bridge.config.redis import RedisStoreSettings
from mcp_auth_bridge.config.store import KeyCommandStoreSettings, KeyringStoreSettings, MemoryStoreSettings
from mcp_auth_bridge.doctor import store_look
from mcp_auth_bridge.doctor.store_look import look, may_have_record, record_of, uses_store
from mcp_auth_bridge.doctor.subject import Subject
from mcp_auth_bridge.errors import ConfigError, StoreError
from mcp_auth_bridge.oauth.session import load_session

URL = "https://mcp.acme.example/mcp"
MACHINE = '{ kind = "client_credentials", client_id = "c", client_secret = "env:S", issuer = "https://as.example" }'


def with_store(context, store):
    profiles = {name: replace(profile, store=store) for name, profile in context.config.profiles.items()}
    return replace(context, config=replace(context.config, store=store, profiles=profiles))


def bridge_in(context):
    return Bridge(context.config.profiles["acme"], context)


def seen(subject):
    return anyio.run(look, subject)


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.fixture
def context(tmp_path):
    return context_of(tmp_path, URL, BROWSER)


def test_an_empty_store_is_looked_at_and_nothing_is_created(context, tmp_path):
    before = files(tmp_path)
    found = seen(Subject(context))
    assert (found.keys, found.damaged, found.error) == ((), (), None)
    (tmp_path / "sealing.key").unlink()
    assert seen(Subject(context)).error is None
    assert files(tmp_path) == [name for name in before if name != "sealing.key"]


def test_records_are_listed_and_the_servers_own_is_read(context):
    log_in(context, "acme")
    bridge = bridge_in(context)
    found = seen(Subject(context, bridge))
    assert found.keys == (bridge.record,)
    record = anyio.run(record_of, bridge, found)
    assert load_session(record.secret).access.reveal() == "AT"


def test_a_damaged_record_is_told_apart_from_the_others(context):
    log_in(context, "acme")
    log_in(context, "https://other.example/mcp")
    bridge = bridge_in(context)
    [path] = [path for path in context.paths.records.iterdir() if path.name.endswith(".sealed")][:1]
    path.write_bytes(b"nonsense")
    found = seen(Subject(context, bridge))
    assert (len(found.keys), len(found.damaged)) == (1, 1)
    assert str(path) in found.damaged[0].message


def test_a_missing_key_is_an_error_only_if_there_are_records(context, tmp_path):
    log_in(context, "acme")
    (tmp_path / "sealing.key").unlink()
    bridge = bridge_in(context)
    found = seen(Subject(context, bridge))
    assert "the sealing key is missing" in found.error.message
    assert may_have_record(bridge)
    with pytest.raises(StoreError, match="the sealing key is missing"):
        anyio.run(record_of, bridge, found)
    other = Bridge(replace(bridge.profile, name="other"), context)
    assert anyio.run(record_of, other, found) is None


def test_a_key_command_that_hangs_ends_the_look_and_not_the_examination(context, monkeypatch):
    monkeypatch.setattr(store_look, "PATIENCE", 0.1)
    found = seen(Subject(with_store(context, KeyCommandStoreSettings(("sleep", "60")))))
    assert "did not answer within 0.1 seconds" in found.error.message


def test_a_redis_server_that_hangs_ends_the_look(context, monkeypatch):
    async def endless(self):
        await anyio.sleep_forever()

    monkeypatch.setattr(store_look, "_MOST", 0.05)
    monkeypatch.setattr(store_look.StoreAccess, "open_to_list", endless)
    store = RedisStoreSettings(url="rediss://redis.example:6379/0", key_file="/nonexistent/key")
    bridge = bridge_in(with_store(context, store))
    found = seen(Subject(bridge._context, bridge))
    assert found.error.message == "the store did not answer within 0.05 seconds"
    assert may_have_record(bridge)


def test_a_broken_configuration_does_not_say_where_the_store_is(context):
    found = seen(Subject(replace(context, error=ConfigError("broken"))))
    assert found.error.message.startswith("the configuration, which says where logins are kept")


@pytest.mark.parametrize(
    ("auth", "store", "used"),
    [
        (BROWSER, KeyringStoreSettings(), True),
        (MACHINE, KeyCommandStoreSettings(("echo", KEY.strip())), True),
        (MACHINE, KeyringStoreSettings(), False),
        ('{ kind = "none" }', MemoryStoreSettings(), False),
    ],
)
def test_only_credentials_that_are_kept_need_the_store(tmp_path, auth, store, used):
    context = with_store(context_of(tmp_path, URL, auth), store)
    bridge = bridge_in(context)
    assert uses_store(bridge) is used
    if not used:
        found = seen(Subject(context, bridge))
        assert (found.store, found.error) == (None, None)
        assert anyio.run(record_of, bridge, found) is None


def test_the_memory_store_is_empty(context):
    found = seen(Subject(with_store(context, MemoryStoreSettings())))
    assert (found.keys, found.error) == ((), None)


def test_the_store_of_a_server_without_settings_is_that_of_the_configuration(tmp_path):
    context = context_of(tmp_path, URL, BROWSER)
    log_in(context, "acme")
    assert store_of(context).keys() == list(seen(Subject(context)).keys)
    assert parse("", context.config.path).store == KeyringStoreSettings()
