"""Requests of 2026-07-28: their `_meta`, those that are refused, and their legacy form."""

import json

import pytest
from modern_client import CAPABILITIES_KEY, LEVEL_KEY, VERSION_KEY, meta, modern
from relaying import message, request

from mcp_auth_bridge.errors import InvalidParams, MethodUnknown, WrongEra
from mcp_auth_bridge.relay.modern_requests import (
    capabilities_in,
    legacy_form,
    level_in,
    meta_of,
    refusal,
    state_of,
)


def legacy(value):
    return json.loads(legacy_form(message(value)).raw)


def error(value):
    return type(refusal(message(value)))


def test_a_request_with_version_and_capabilities_is_not_refused():
    assert refusal(message(modern(1))) is None


@pytest.mark.parametrize(
    "missing",
    [
        {"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
        request(1, "tools/list"),
        request(1, "tools/list", _meta=[]),
        request(1, "tools/list", _meta={VERSION_KEY: 5, CAPABILITIES_KEY: {}}),
        request(1, "tools/list", _meta={VERSION_KEY: "2026-07-28"}),
        request(1, "tools/list", _meta={VERSION_KEY: "2026-07-28", CAPABILITIES_KEY: None}),
        request(1, "tools/list", _meta={CAPABILITIES_KEY: {}}),
        {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": []},
    ],
)
def test_a_request_without_version_or_capabilities_has_invalid_params(missing):
    assert error(missing) is InvalidParams


@pytest.mark.parametrize("capabilities", [{CAPABILITIES_KEY: {}}, {}])
def test_an_unknown_version_is_refused_with_those_that_are_supported(capabilities):
    refused = refusal(message(request(1, "tools/list", _meta={VERSION_KEY: "2099-01-01", **capabilities})))
    assert isinstance(refused, WrongEra)
    assert refused.facts == {"supported": ["2026-07-28"], "requested": "2099-01-01"}


@pytest.mark.parametrize("level", ["loud", 3, None, ["debug"]])
def test_an_unknown_log_level_has_invalid_params(level):
    assert error(request(1, _meta={**meta(), LEVEL_KEY: level})) is InvalidParams


@pytest.mark.parametrize(
    "method", ["initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "tasks/get"]
)
def test_a_method_of_the_legacy_era_does_not_exist(method):
    assert error(modern(1, method)) is MethodUnknown


def test_a_vendors_method_is_the_servers_to_judge():
    assert refusal(message(modern(1, "acme/polish"))) is None


def test_the_legacy_form_lacks_the_four_keys_and_keeps_all_others():
    meta_kept = {"progressToken": 7, "traceparent": "00-1", "acme/colour": "red"}
    value = modern(1, capabilities={"roots": {}}, level="info", name="add", arguments={"a": 1.0})
    value["params"]["_meta"] |= meta_kept
    value["params"]["_meta"]["io.modelcontextprotocol/clientInfo"] = {"name": "c", "version": "1"}
    assert legacy(value) == request(1, name="add", arguments={"a": 1.0}, _meta=meta_kept)


def test_the_legacy_form_has_no_empty_meta():
    assert legacy(modern(1, name="add")) == request(1, name="add")


def test_the_legacy_form_of_a_request_without_params_is_itself():
    bare = {"jsonrpc": "2.0", "id": 1, "method": "acme/polish"}
    assert legacy(bare) == bare


@pytest.mark.parametrize("method", ["tools/call", "resources/read", "prompts/get"])
def test_the_input_of_a_retry_and_a_task_stay_here(method):
    value = modern(1, method, name="add", inputResponses={}, requestState="x", task={"ttl": 1})
    assert legacy(value) == request(1, method, name="add")


def test_other_methods_may_have_parameters_of_these_names():
    assert legacy(modern(1, "acme/polish", task="shine")) == request(1, "acme/polish", task="shine")


def test_what_a_request_says_is_read_also_beside_an_escaped_lone_surrogate():
    raw = (
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\\ud800","requestState":"s","_meta":{"k":1}}}'
    )
    assert meta_of(message(raw)) == {"k": 1}
    assert state_of(message(raw)) == "s"


def test_capabilities_that_are_not_an_object_are_none():
    assert capabilities_in({CAPABILITIES_KEY: 3}) == {}
    assert capabilities_in({CAPABILITIES_KEY: {"roots": {}}}) == {"roots": {}}


def test_a_level_is_its_place_from_verbose_to_silent():
    assert [level_in({LEVEL_KEY: level}) for level in ("debug", "emergency", "loud", None)] == [0, 7, None, None]
