"""Lines that no client should write, from a seed: noise, damaged JSON, JSON that is not a message, deep and long lines.

None of them is a message, so each must be answered with an error.
"""

import json
import random
from collections.abc import Callable

_WHOLE = b'{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"add","arguments":{"a":[1,2.5,"\\u00e9"]}}}'


def cut(chance: random.Random) -> bytes:
    whole = _WHOLE % chance.randrange(1 << 20)
    return whole[: chance.randrange(1, len(whole))]


def bent(chance: random.Random) -> bytes:
    """One byte of the envelope is replaced, so that the line is not JSON any more."""
    whole = bytearray(_WHOLE % 7)
    whole[chance.randrange(12)] = 0xFF
    return bytes(whole)


def noise(chance: random.Random) -> bytes:
    return b"\xff" + chance.randbytes(chance.randrange(200)).replace(b"\n", b"")


def misfit(chance: random.Random) -> bytes:
    """JSON that is not a JSON-RPC message."""
    strange = [17, "text", None, True, {}, {"id": 1}, {"jsonrpc": "2.0"}, {"method": 5, "id": 1}, {"method": None}]
    ids = [None, True, [], {}, "x" * 2000, [1]]
    strange += [{"jsonrpc": "2.0", "id": id_, "method": "ping"} for id_ in ids]
    return json.dumps(chance.choice(strange)).encode()


def batch(chance: random.Random) -> bytes:
    return chance.choice([b"[]", b"[1,2]", b'[{"jsonrpc":"2.0","method":"x"}]', b"[" * 50, b"[[]]", b"[{}"])


def deep(chance: random.Random) -> bytes:
    depth = chance.randrange(20_000, 21_000)
    return b'{"jsonrpc":"2.0","id":1,"method":"x","params":' + b"[" * depth + b"]" * depth + b"}"


def long(chance: random.Random) -> bytes:
    return b'{"jsonrpc":"2.0","id":' + b"9" * chance.randrange(2_000, 40_000) + b"}"


def other_encoding(chance: random.Random) -> bytes:
    return (_WHOLE % 1).decode().encode(chance.choice(["utf-16-le", "utf-16-be", "utf-32-le"]))


_OFTEN: tuple[Callable[[random.Random], bytes], ...] = (cut, bent, noise, misfit, batch, other_encoding)
_RARELY = (deep, long)


def line(chance: random.Random) -> bytes:
    """A hostile line without its line end."""
    kind = chance.choice(_RARELY if chance.random() < 0.02 else _OFTEN)
    return kind(chance).replace(b"\n", b"")
