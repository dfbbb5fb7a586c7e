"""The rows are data; tests/catalogue/test_presets.py checks each of them."""

from mcp_auth_bridge.catalogue.developer_presets import DEVELOPER_PRESETS


def test_every_row_has_a_name_of_its_own():
    assert len({preset.name for preset in DEVELOPER_PRESETS}) == len(DEVELOPER_PRESETS)
