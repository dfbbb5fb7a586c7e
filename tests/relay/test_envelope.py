"""Reading the envelope of a message: it keeps every byte and the spelling of its id, and stays readable for clients."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_auth_bridge.relay.base import Kind, Malformed, Message
from mcp_auth_bridge.relay.envelope import peek, result_of, split_batch

IDS = [
    b"1",
    b'"1"',
    b"1.0",
    b"0",
    b'""',
    b"-1",
    b"1e300",
    b"-0.5",
    b"9" * 1000,
    b"9007199254740993",
    b'"\\u0031"',
    b"123456789012345678901234",
]

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
lone_surrogates = st.integers(0xD800, 0xDFFF).map(chr)


def refused(line):
    with pytest.raises(Malformed) as caught:
        peek(line)
    return caught.value.code, caught.value.id


@pytest.mark.parametrize("raw_id", IDS)
def test_an_id_keeps_its_spelling(raw_id):
    line = b'{"jsonrpc": "2.0", "id": %b, "method": "m"}' % raw_id
    assert peek(line) == Message(Kind.REQUEST, line, id=raw_id, method="m")


@pytest.mark.parametrize("raw_id", IDS)
def test_an_id_keeps_its_spelling_beside_a_lone_surrogate(raw_id):
    line = b'{"jsonrpc": "2.0", "id" : %b , "method":"m", "params": {"x": "\\udc00"}}' % raw_id
    assert peek(line) == Message(Kind.REQUEST, line, id=raw_id, method="m")


def test_ids_compare_as_json_does():
    keys = [Message(Kind.REQUEST, b"", id=raw_id).key for raw_id in (b"1", b"1.0", b'"1"', b"0", b'"\\u0031"')]
    assert keys[0] == keys[1]
    assert keys[2] == keys[4]
    assert len(set(keys)) == 3


@given(values, st.integers() | st.text(max_size=100), st.text())
def test_a_request_keeps_every_byte(params, id_, method):
    for ascii_only in (True, False):
        document = {"x": params, "params": params, "id": id_, "method": method, "jsonrpc": "2.0"}
        line = json.dumps(document, ensure_ascii=ascii_only).encode()
        message = peek(line)
        assert (message.kind, message.raw, message.key, message.method) == (Kind.REQUEST, line, id_, method)
        assert message.params == (params if isinstance(params, dict) else {})


@given(values, lone_surrogates)
def test_a_result_keeps_its_bytes_beside_a_lone_surrogate(result, surrogate):
    raw = json.dumps(result).encode()
    for separators in ((",", ":"), (" ,\t", "\r: ")):
        comma, colon = (text.encode() for text in separators)
        surrogate_member = b'"meta"' + colon + json.dumps(surrogate).encode()
        plain = b'{"id"' + colon + b"1" + comma + b'"result"' + colon + raw + b" }"
        strange = plain[:-1] + comma + surrogate_member + b" }"
        assert result_of(peek(plain)) == raw
        assert result_of(peek(strange)) == raw


def test_a_result_with_a_lone_surrogate_keeps_its_numbers():
    line = b'{"id":1,"result":{"n":2.50,"big":1e400,"text":"\\ud800"}}'
    assert result_of(peek(line)) == b'{"n":2.50,"big":1e400,"text":"\\ud800"}'


def test_an_error_reply_has_no_result():
    assert result_of(peek(b'{"id":1,"error":{"code":1,"message":"\\ud800"}}')) is None
    assert result_of(peek(b'{"id":1,"error":{"code":1,"message":""}}')) is None


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b'{"id":1,"method":"m"}', Kind.REQUEST),
        (b'{"method":"m"}', Kind.NOTIFICATION),
        (b'{"id":1,"result":null}', Kind.REPLY),
        (b'{"id":1,"error":{}}', Kind.REPLY),
        (b'{"id":null,"error":{}}', Kind.REPLY),
        (b'{"error":{}}', Kind.REPLY),
        (b" [ ]", Kind.BATCH),
    ],
)
def test_the_members_tell_the_kind(line, kind):
    assert peek(line).kind is kind


@pytest.mark.parametrize(
    ("line", "code", "raw_id"),
    [
        (b'{"id":null,"method":"m"}', -32600, b"null"),
        (b'{"id":true,"method":"m"}', -32600, b"null"),
        (b'{"id":[1],"method":"m"}', -32600, b"null"),
        (b'{"id":"' + b"x" * 1024 + b'","method":"m"}', -32600, b"null"),
        (b'{"id":1e400,"method":"m"}', -32600, b"null"),
        (b'{"id":-1e999999,"method":"m"}', -32600, b"null"),
        (b'{"id":' + b"9" * 400 + b'.5,"method":"m"}', -32600, b"null"),
        (b'{"id":' + b"9" * 1001 + b',"method":"m"}', -32600, b"null"),
        (b'{"method":' + b"9" * 5000 + b"}", -32600, b"null"),
        (b'"\\ud800"', -32600, b"null"),
        (b'"{\\ud800"', -32600, b"null"),
        (b'{"id":7,"method":"\\ud8000', -32700, b"null"),
        (b"[" * 3000, -32700, b"null"),
        (b"[" * 3000 + b"]" * 3000, -32700, b"null"),
        (b"\0", -32700, b"null"),
        (b'{"id":7}', -32600, b"null"),
        (b'{"id":7,"method":8}', -32600, b"7"),
        (b'{"method":null}', -32600, b"null"),
        (b"{}", -32600, b"null"),
        (b"5", -32600, b"null"),
        (b'"id"', -32600, b"null"),
        (b"", -32700, b"null"),
        (b"nul", -32700, b"null"),
        (b'{"id":01,"method":"m"}', -32700, b"null"),
        (b'{"id":1,"method":"m"} x', -32700, b"null"),
        (b'{"id":1,"method":"m"', -32700, b"null"),
        (b'{"id":1,"method":"m","x":NaN}', -32700, b"null"),
        (b'{"id":1,"method":"m","x":-Infinity}', -32700, b"null"),
        (b'{"id":1,"method":"m\x01"}', -32700, b"null"),
        (b'{"id":1,"method":"\xff"}', -32700, b"null"),
        (b'{"id":1,"method":"\xed\xa0\x80"}', -32700, b"null"),
        (b'{"id":1,"method":"\xc0\xaf"}', -32700, b"null"),
        ('{"id":1,"method":"m"}'.encode("utf-16-le"), -32700, b"null"),
        ('{"id":1,"method":"m"}'.encode("utf-32"), -32700, b"null"),
        (b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", -32700, b"null"),
        (b'{"x":"\\ud800","y":' + b"[" * 100_000 + b"]" * 100_000 + b"}", -32700, b"null"),
    ],
)
def test_a_line_that_is_not_a_message_is_refused_with_its_id_if_that_can_be_read(line, code, raw_id):
    assert refused(line) == (code, raw_id)


@given(st.binary())
def test_no_bytes_raise_anything_but_malformed(line):
    for candidate in (line, b"{" + line, b'{"id":1,"method":"m","x":"' + line + b'"}'):
        try:
            message = peek(candidate)
        except Malformed:
            continue
        assert message.raw in candidate
        if message.kind is not Kind.BATCH:  # which is looked at when it is split
            json.loads(message.raw.decode())


def test_of_duplicate_members_the_last_one_counts():
    message = peek(b'{"id":1,"id":"2","method":"a","method":"b","params":{"x":1},"params":{"x":2}}')
    assert (message.id, message.method, message.params) == (b'"2"', "b", {"x": 2})
    assert peek(b'{"id":1,"id":"2","method":"a","method":"b","x":"\\ud800"}').id == b'"2"'


def test_an_escaped_member_name_is_that_member():
    assert peek(b'{"\\u0069d":1,"m\\u0065thod":"m"}').id == b"1"
    assert peek(b'{"\\u0069d":1,"m\\u0065thod":"m","x":"\\ud800"}').id == b"1"


def test_a_byte_order_mark_is_not_part_of_the_message():
    assert peek(b'\xef\xbb\xbf{"id":1,"method":"m"}').raw == b'{"id":1,"method":"m"}'


def nested(depth, opener="["):
    closer = {"[": "]", '{"a":': "}"}[opener]
    return f'{{"id":7,"method":"m","params":{opener * (depth - 1)}1{closer * (depth - 1)}}}'.encode()


@pytest.mark.parametrize("opener", ["[", '{"a":'])
def test_parameters_as_deep_as_the_strictest_parser_reads_pass_and_deeper_ones_do_not(opener):
    assert peek(nested(128, opener)).id == b"7"
    assert peek(nested(128, opener)).params is not None
    assert refused(nested(129, opener)) == (-32600, b"7")


@pytest.mark.parametrize("spelling", ["%s", "-%s", "[1,%s]", "0.%s", "%s.5", "1e%s"])
def test_a_number_has_a_thousand_digits_at_most(spelling):
    def holding(digits):
        return b'{"id":7,"method":"m","params":{"x":%b}}' % (spelling % ("7" * digits)).encode()

    assert peek(holding(1000)).params != {}
    assert refused(holding(1001)) == (-32600, b"7")


def test_a_reply_that_exceeds_a_limit_is_not_refused_under_its_id():
    assert refused(b'{"id":7,"result":' + b"9" * 1001 + b"}") == (-32600, b"null")


def test_strings_may_hold_any_number_of_brackets_and_digits():
    text = "[{" * 1000 + "9" * 5000 + "\\\\" + '\\"'
    for padding in range(3):
        line = f'{{"id":1,"method":"m","params":{{"a":"{"x" * padding}{text * 20}","b":[[]]}}}}'.encode()
        assert peek(line).raw == line


@pytest.mark.parametrize(
    ("named", "target"),
    [("1", 1), ('"1"', "1"), ("1.0", 1), ("true", None), ("null", None), ("[1]", None), ("{}", None)],
)
def test_a_cancellation_names_an_id_of_its_type(named, target):
    message = peek(f'{{"method":"notifications/cancelled","params":{{"requestId":{named}}}}}'.encode())
    assert message.cancelled_key == target


def test_a_batch_is_its_messages_byte_for_byte():
    parts = [b'{"id": 1.0,"result":{}}', b'{"method":"m","params":[ "\xc3\xa9" ]}']
    assert [message.raw for message in split_batch(peek(b"[ " + b" ,\n".join(parts) + b" ]"))] == parts
    assert split_batch(peek(b"[]")) == []


@pytest.mark.parametrize("batch", [b"[", b"[1]", b'[{"id":1}]', b'[[{"id":1,"result":1}]]', b"[" * 100_000])
def test_a_batch_of_anything_else_is_refused(batch):
    with pytest.raises(Malformed):
        split_batch(peek(batch))


@pytest.mark.parametrize(
    ("line", "is_result"),
    [
        (b'{"id":1,"result":{}}', True),
        (b'{"id":1,"result":"\\ud800"}', True),
        (b'{"id":1,"error":{"code":1}}', False),
        (b'{"id":1,"error":{"code":1},"result":{}}', False),
        (b'{"id":1,"method":"m"}', False),
    ],
)
def test_a_reply_without_an_error_is_known_to_be_a_result(line, is_result):
    assert peek(line).is_result is is_result


@pytest.mark.parametrize("method", ["tools/call", "\\u006d", "\\ud83d\\ude00", "\u00e9", ""])
def test_a_method_is_the_text_that_its_escapes_mean(method):
    line = b'{"id":1,"method":"%b"}' % method.encode()
    assert peek(line).method == json.loads(line)["method"]
    assert peek(line[:-1] + b',"x":"\\ud800"}').method == json.loads(line)["method"]


def test_a_method_may_hold_a_lone_surrogate():
    assert peek(b'{"id":1,"method":"\\ud800"}').method == "\ud800"


def test_a_notification_may_hold_a_lone_surrogate():
    message = peek(b'{"method":"m","params":{"x":"\\ud800"}}')
    assert (message.kind, message.method, message.key) == (Kind.NOTIFICATION, "m", None)
