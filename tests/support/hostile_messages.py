"""Malformed messages, streams and responses from a source of randomness: `random.Random` or hypothesis' own.

Some messages of client and server are valid, so that malformed ones meet a relay in every state.
"""

import json

METHODS = [
    "tools/call",
    "tools/list",
    "initialize",
    "server/discover",
    "ping",
    "resources/subscribe",
    "logging/setLevel",
]
TOLD = ["notifications/initialized", "notifications/progress", "notifications/tools/list_changed", "\ud800", "x" * 300]
ASKED = ["sampling/createMessage", "roots/list", "ping", "\ud800"]
META = '{"io.modelcontextprotocol/protocolVersion":"2026-07-28","progressToken":%s}'
STRANGE = [
    "1e999999", "-1e400", "1E+5", "9" * 1000, "9" * 1001, "9" * 5000, "0.0", "-0", "01", "1.", "NaN", "-Infinity",
    "18446744073709551616", '"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"', '"\\x"', '"\\u12"', '"\u2028"', '"é"',
    f'"{"x" * 1100}"', '""', "null", "true", "[]", "{}", "[[]]", '{"":{}}', '{"\\ud800":1,"\\ud800":2}', "\x01",
    "[" * 127 + "]" * 127, "[" * 128 + "]" * 128, "[" * 129 + "]" * 129, "[" * 3000 + "]" * 3000, "[" * 3000,
    '{"a":' * 2000 + "1" + "}" * 2000,
]  # fmt: skip
IDS = ["1", '"1"', "1.0", "0", "-7", "1e3", '"a\\ud800"', '"\\u0031"', "9" * 300, '"x"']
NAMES = ["jsonrpc", "id", "method", "params", "result", "error", "_meta", "m\\u0065thod", "\\ud800", ""]
WHOLE = '{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":"add","arguments":{"a":[1,2.5,"\\u00e9"]}}}'
CODES = [-32020, -32022, -32601, 401, 2**70, 0]
FIELDS = ["data", "data", "data", "event", "id", "retry", "x", ""]
KINDS = ["application/json", "application/json; charset=x", "text/event-stream", "text/html", "", "\xff"]
VALUES = ["", "x" * 300, "é", "9" * 400, "-1", "s1", "Bearer", 'Bearer error="invalid_token', "\\", '"', ",,=", "/mcp"]
HEADERS = ["mcp-session-id", "retry-after", "www-authenticate", "location", "set-cookie", "dpop-nonce", "content-type"]


def value(chance, levels=3):
    """The text of a JSON value, or of something that looks like one."""
    kind = chance.randrange(6 if levels else 3)
    if kind < 2:
        return chance.choice(STRANGE)
    if kind == 2:
        return chance.choice(IDS)
    if kind == 3:
        return f"[{','.join(value(chance, levels - 1) for _ in range(chance.randrange(4)))}]"
    return members((f'"{chance.choice(NAMES)}"', value(chance, levels - 1)) for _ in range(chance.randrange(4)))


def members(pairs):
    return f"{{{','.join(f'{name}:{text}' for name, text in pairs)}}}"


def envelope(chance):
    """Any members, in any number, of any type."""
    return members((f'"{chance.choice(NAMES)}"', value(chance, 2)) for _ in range(chance.randrange(7)))


def request(chance, id_, methods=METHODS):
    """A request with a valid envelope; its other parts may be malformed."""
    named = chance.choice(['"add"', '"bad"', value(chance, 1)])
    meta = META % value(chance, 1) if chance.randrange(2) else value(chance, 1)
    params = [('"name"', named), ('"arguments"', value(chance)), ('"_meta"', meta), ('"uri"', value(chance, 0))]
    params += [('"notifications"', value(chance)), ('"protocolVersion"', value(chance, 0)), ('"level"', value(chance))]
    method = json.dumps(chance.choice(methods))
    return members([('"jsonrpc"', '"2.0"'), ('"id"', id_), ('"method"', method), ('"params"', members(params))])


def told(chance):
    return members([('"method"', json.dumps(chance.choice(TOLD))), ('"params"', value(chance))])


def answer(chance, id_):
    """A reply to `id_`: a result of any shape, or an error."""
    kind = chance.randrange(4)
    if kind == 0:
        data = members([('"supported"', value(chance, 1)), ('"www_authenticate"', value(chance, 1))])
        code = str(chance.choice(CODES)) if chance.randrange(4) else value(chance, 1)
        error = members([('"code"', code), ('"message"', value(chance, 0)), ('"data"', data)])
        return members([('"id"', id_), ('"error"', error)])
    annotated = members([('"type"', '"string"'), ('"x-mcp-header"', value(chance, 0))])
    schema = members([('"properties"', members([('"a"', annotated), ('"b"', value(chance, 1))]))])
    tools = [members([('"name"', value(chance, 0)), ('"inputSchema"', schema)]), value(chance, 1)]
    result = [('"tools"', f"[{','.join(tools)}]"), ('"protocolVersion"', value(chance, 0)), ('"x"', value(chance))]
    plain = ['{"tools":[]}', '{"protocolVersion":"2025-06-18","capabilities":{}}', '{"protocolVersion":"2025-03-26"}']
    return members([('"id"', id_), ('"result"', members(result) if kind == 1 else chance.choice(plain))])


def bent(chance, text):
    """`text` with a few bytes missing, doubled or changed."""
    data = bytearray(text)
    for _ in range(chance.randrange(1, 4)):
        if data:
            place = chance.randrange(len(data))
            data[place : place + chance.randrange(3)] = bytes(chance.randrange(256) for _ in range(chance.randrange(3)))
    return bytes(data)


def encoded(chance, text):
    """`text` as bytes, sometimes in an encoding that JSON does not allow."""
    data = text.encode("utf-8", "surrogatepass")
    kind = chance.randrange(24)
    if kind == 0:
        return text.encode("utf-16-le", "surrogatepass")
    if kind < 3:
        return b"\xef\xbb\xbf" * kind + data
    return bent(chance, data) if kind < 9 else data


def noise(chance):
    return bytes(chance.randrange(256) for _ in range(chance.randrange(40)))


def said_by_client(chance, id_):
    """One line without its line end; `id_` is the id of a valid request."""
    kind = chance.randrange(10)
    if kind == 0:
        line = noise(chance)
    elif kind == 1:
        line = encoded(chance, f"[{request(chance, id_)},{value(chance, 1)}]")
    elif kind < 4:
        line = encoded(chance, envelope(chance))
    elif kind == 4:
        line = encoded(chance, told(chance))
    elif kind == 5:
        line = encoded(chance, answer(chance, chance.choice(IDS)))
    else:
        line = encoded(chance, chance.choice([request(chance, id_), WHOLE % id_]))
    return line.replace(b"\n", b"")


def said_by_server(chance, id_):
    """One message; `id_` is the id of the request that it may answer."""
    kind = chance.randrange(10)
    if kind == 0:
        return noise(chance)
    if kind == 1:
        return encoded(chance, f"[{answer(chance, id_)},{envelope(chance)}]")
    if kind == 2:
        return encoded(chance, envelope(chance))
    if kind == 3:
        return encoded(chance, told(chance))
    if kind == 4:
        return encoded(chance, request(chance, chance.choice(IDS), ASKED))
    other = chance.choice(IDS) if kind == 5 else id_
    return encoded(chance, answer(chance, other))


def stream(chance, id_):
    """The bytes of a stream of events."""
    lines = []
    for _ in range(chance.randrange(6)):
        message = said_by_server(chance, id_)
        lines += [b"data: " + part for part in message.split(b"\n")] + [b""]
        if chance.randrange(3) == 0:
            name = chance.choice(FIELDS)
            lines.append(f"{name}:{chance.choice(VALUES)}".encode() + (b"" if chance.randrange(8) else noise(chance)))
    end = chance.choice([b"\n", b"\n", b"\r\n", b"\r"])
    return (b"\xef\xbb\xbf" if chance.randrange(8) == 0 else b"") + b"".join(line + end for line in lines)


def pieces(chance, data):
    """`data` in pieces, as it may arrive."""
    while data:
        size = chance.choice([1, 7, 100, 5000, 100_000])
        yield data[:size]
        data = data[size:]


def headers(chance, kind):
    """The headers of a response with the content type `kind`, as parsed from the wire."""
    more = {chance.choice(HEADERS): (chance.choice(VALUES),) for _ in range(chance.randrange(3))}
    return {**more, "content-type": (kind,)}
