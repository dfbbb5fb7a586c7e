"""The limits of JSON: the quick checks agree with a plain reading of the text, character by character."""

import json
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_auth_bridge.relay import json_limits
from mcp_auth_bridge.relay.json_limits import DEEPEST, LONGEST_NUMBER, exceeded_limit

texts = st.text(st.sampled_from('[]{}"\\9x '), max_size=30) | st.sampled_from(
    ["9" * 1200, "[" * 200, "\\" * 999, "x" * 999]
)
numbers = st.sampled_from([1, 10**999, 10**1000, -(10**1001), 0.5])
values = st.recursive(
    texts | numbers | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


def depth(value):
    """Levels of arrays and objects, without recursion."""
    levels, layer = 0, [value]
    while layer := [item for item in layer if isinstance(item, list | dict)]:
        levels += 1
        layer = [inner for item in layer for inner in (item.values() if isinstance(item, dict) else item)]
    return levels


def goes_beyond(value, text):
    outside = re.sub(r'"(?:[^"\\]|\\.)*"', " ", text)
    return depth(value) > DEEPEST or any(len(run) > LONGEST_NUMBER for run in re.findall("[0-9]+", outside))


@settings(max_examples=300, deadline=None)
@given(values, st.integers(0, 140), st.sampled_from([7, 50, 64 * 1024]))
def test_a_text_exceeds_a_limit_exactly_if_its_value_does(value, wrapped, piece):
    whole, json_limits._SLICE = json_limits._SLICE, piece
    try:
        for _ in range(wrapped):
            value = [value, "x[", {}]
        text = json.dumps(value)
        assert (exceeded_limit(text.encode()) is not None) == goes_beyond(value, text)
    finally:
        json_limits._SLICE = whole


@given(st.binary(max_size=2000) | st.text(st.sampled_from('[]{}"\\9'), max_size=2000).map(str.encode))
def test_any_bytes_can_be_checked(data):
    assert exceeded_limit(data) is None or "the message" in exceeded_limit(data)


def test_nesting_that_spans_several_slices_is_found():
    filling = b'"' + b"x" * 100_000 + b'",'
    nest = (b"[" + filling) * (DEEPEST + 1)
    assert exceeded_limit(nest) is not None
    assert exceeded_limit(nest[len(filling) + 1 :]) is None


def test_a_number_that_spans_two_slices_is_found():
    for before in range(json_limits._SLICE - 1002, json_limits._SLICE + 2):
        assert exceeded_limit(b" " * before + b"7" * 1001) is not None
        assert exceeded_limit(b" " * before + b"7" * 1000) is None
