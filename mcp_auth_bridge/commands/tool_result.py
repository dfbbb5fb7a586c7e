"""A tool's result for the user: text is shown, other content is described, and saved if a folder is given."""

import base64
import itertools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from mcp_auth_bridge.errors import BridgeError, ConfigError, TheirProtocolError, os_error_text, printable


class ContentBlock(msgspec.Struct, frozen=True):
    """One block of content: a `text` to show, or the bytes of a file of the type `mime`."""

    text: str = ""
    data: bytes | None = None
    mime: str = ""

    def describe(self) -> str:
        """The type and the size of a file."""
        return f"{self.mime or 'data'}, {len(self.data or b'')} bytes"


def content_blocks(result: Mapping[str, Any]) -> list[ContentBlock]:
    """The content of a `CallToolResult`, else its structured content as JSON. Any: the server's JSON."""
    content = result.get("content")
    found = [_content_block(block) for block in content if isinstance(block, dict)] if isinstance(content, list) else []
    if not found and result.get("structuredContent") is not None:
        return [ContentBlock(json.dumps(result["structuredContent"], indent=2, ensure_ascii=False))]
    return found


def _content_block(block: Mapping[str, Any]) -> ContentBlock:
    match block:
        case {"type": "text", "text": str(text)}:
            return ContentBlock(text)
        case {"type": "image" | "audio", "data": str(data)}:
            return ContentBlock(data=_decode(data), mime=_mime(block))
        case {"type": "resource", "resource": {"text": str(text)}}:
            return ContentBlock(text)
        case {"type": "resource", "resource": {"blob": str(data)} as resource}:
            return ContentBlock(data=_decode(data), mime=_mime(resource))
        case {"type": "resource_link", "uri": str(uri)}:
            return ContentBlock(f"[resource {printable(uri)}]")
    return ContentBlock(f"[content of the type {printable(str(block.get('type')))}]")


def _mime(block: Mapping[str, Any]) -> str:
    mime = block.get("mimeType")
    return printable(mime) if isinstance(mime, str) else ""


def _decode(data: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except ValueError:
        raise TheirProtocolError("the tool's result has a file that is not valid base64") from None


def format_blocks(found: list[ContentBlock], tool: str, folder: Path | None) -> str:
    """The text of all blocks, each with a line end. Files are written into `folder`, if there is one."""
    lines = [block.text if block.data is None else _describe_file(block, block.data, tool, folder) for block in found]
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def make_folder(folder: Path) -> Path:
    """Make `folder` unless it exists, and return it. Raises `BridgeError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable_error(folder, error) from None
    return folder


def _describe_file(block: ContentBlock, data: bytes, tool: str, folder: Path | None) -> str:
    place = "--output DIR saves it" if folder is None else f"saved as {_save(block, data, tool, folder)}"
    return f"[{block.describe()}: {place}]"


def _save(block: ContentBlock, data: bytes, tool: str, folder: Path) -> Path:
    """Write `data` into a new file and return its path. The server does not choose the name; no file is replaced."""
    import mimetypes

    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", tool)[:80]
    suffix = mimetypes.guess_extension(block.mime) or ".bin"
    for path in (folder / f"{stem}-{number}{suffix}" for number in itertools.count(1)):
        try:
            with path.open("xb") as file:
                file.write(data)
        except FileExistsError:
            continue
        except OSError as error:
            raise _unwritable_error(path, error) from None
        return path
    raise AssertionError("numbers do not end")


def _unwritable_error(path: Path, error: OSError) -> BridgeError:
    return ConfigError(f"{path} cannot be written: {os_error_text(error)}", "name another folder with --output")
