"""The text of a client's configuration file → its tables. An error names the line, and quotes nothing."""

import json
import re
import tomllib
from typing import Any

from mcp_auth_bridge.clients.client import Format
from mcp_auth_bridge.errors import ConfigError

_FIX = "correct that line"
# A string or comment that is not closed goes on to the end: to look for each end again would take quadratic time.
_TOKENS = re.compile(r'"(?:[^"\\\n]|\\.)*"?|//[^\n]*|/\*(?:.*?\*/|.*)', re.DOTALL)
_LAST_COMMA = re.compile(r'("(?:[^"\\\n]|\\.)*"?)|,(?=\s*[}\]])', re.DOTALL)
_NOT_SPACE = re.compile(r"[^\s]")
_QUOTATION = re.compile("[\"'].*", re.DOTALL)


def parse(text: str, syntax: Format) -> Any:
    """Parse `text`. Any: JSON, TOML or YAML. Raises `ConfigError`, which begins with "line N: ".

    An empty file counts as an empty table: clients make such files.
    """
    text = text.removeprefix("\ufeff")
    if not text.strip():
        return {}
    try:
        if syntax is Format.TOML:
            return tomllib.loads(text)
        if syntax is Format.YAML:
            return _parse_yaml(text)
        return json.loads(text if syntax is Format.JSON else without_comments(text))
    except json.JSONDecodeError as error:
        raise ConfigError(f"line {error.lineno}: {_reason(text, syntax, error)}", _FIX) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_toml_reason(str(error), text), _FIX) from None
    except ValueError:
        raise ConfigError("line 1: it holds a number that is too long", _FIX) from None
    except RecursionError:
        raise ConfigError("line 1: it is nested too deeply", _FIX) from None


def _parse_yaml(text: str) -> Any:
    """The one document in `text`, with plain values only. Raises `ConfigError`."""
    from ruamel.yaml import YAML  # few files are YAML, and a start of `run` reads none
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return YAML(typ="safe", pure=True).load(text) or {}
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"line {line}: it is not valid YAML", _FIX) from None
    except YAMLError:
        raise ConfigError("line 1: it is not valid YAML", _FIX) from None


def without_comments(text: str) -> str:
    """JSON with comments → JSON with the same lines and columns: comments and last commas become spaces."""
    bare = _TOKENS.sub(lambda found: found[0] if found[0][0] == '"' else _NOT_SPACE.sub(" ", found[0]), text)
    return _LAST_COMMA.sub(lambda found: found[1] or " ", bare)


def _reason(text: str, syntax: Format, error: json.JSONDecodeError) -> str:
    """The error in plain words. In a strict file, comments and last commas are the usual mistake."""
    if syntax is Format.JSON and _is_json(without_comments(text)):
        return "this file must not have comments, or a comma after the last item"
    return error.msg[:1].lower() + error.msg[1:]


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _toml_reason(message: str, text: str) -> str:
    said, _, place = message.partition(" (at ")
    line = re.match(r"line (\d+)", place)
    number = line[1] if line else str(text.count("\n") + 1)  # "at end of document"
    # The parser quotes a key or a value in some messages, and either may be secret.
    return f"line {number}: {_QUOTATION.sub('…', said[:1].lower() + said[1:])}"
