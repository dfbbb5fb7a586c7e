"""A tool's result as text and files: the server chooses neither a file's name nor what a terminal does."""

import base64

import pytest

from mcp_auth_bridge.commands.tool_result import ContentBlock, content_blocks, format_blocks, make_folder
from mcp_auth_bridge.errors import ConfigError, TheirProtocolError

PNG = base64.b64encode(b"png").decode()
IMAGE = {"type": "image", "data": PNG, "mimeType": "image/png"}


@pytest.mark.parametrize(
    ("block", "shown"),
    [
        ({"type": "text", "text": "hello"}, ContentBlock("hello")),
        (IMAGE, ContentBlock(data=b"png", mime="image/png")),
        ({"type": "audio", "data": PNG, "mimeType": 5}, ContentBlock(data=b"png")),
        ({"type": "resource", "resource": {"text": "inside"}}, ContentBlock("inside")),
        ({"type": "resource", "resource": {"blob": PNG}}, ContentBlock(data=b"png")),
        ({"type": "resource_link", "uri": "file:///x\x1b"}, ContentBlock("[resource file:///x?]")),
        ({"type": "hologram"}, ContentBlock("[content of the type hologram]")),
    ],
)
def test_each_kind_of_content_is_a_block(block, shown):
    (found,) = content_blocks({"content": [block, "not a block"]})
    assert found.data == shown.data
    assert found.mime == shown.mime
    assert "\x1b" not in found.text
    assert found.text == shown.text or "file:///x" in found.text


def test_structured_content_stands_in_for_content_that_is_missing():
    (block,) = content_blocks({"structuredContent": {"sum": 3}, "content": []})
    assert block.text == '{\n  "sum": 3\n}'
    assert content_blocks({"content": "odd"}) == []


def test_a_file_that_is_not_base64_is_the_servers_fault():
    with pytest.raises(TheirProtocolError, match="not valid base64"):
        content_blocks({"content": [{"type": "image", "data": "!"}]})


def test_text_ends_its_line_and_a_file_is_described():
    blocks = content_blocks({"content": [{"type": "text", "text": "a\n"}, {"type": "text", "text": "b"}, IMAGE]})
    assert format_blocks(blocks, "draw", None) == "a\nb\n[image/png, 3 bytes: --output DIR saves it]\n"


def test_files_are_saved_under_names_of_the_bridges_own_and_none_is_replaced(tmp_path):
    blocks = content_blocks({"content": [IMAGE, IMAGE, {"type": "resource", "resource": {"blob": PNG}}]})
    folder = make_folder(tmp_path / "new" / "folder")
    text = format_blocks(blocks, "../draw it", folder)
    assert sorted(path.name for path in folder.iterdir()) == ["_draw_it-1.bin", "_draw_it-1.png", "_draw_it-2.png"]
    assert "saved as" in text
    assert (folder / "_draw_it-1.png").read_bytes() == b"png"


def test_a_folder_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be written"):
        make_folder(tmp_path / "file" / "folder")
    with pytest.raises(ConfigError, match="cannot be written"):
        format_blocks(content_blocks({"content": [IMAGE]}), "draw", tmp_path / "missing")
