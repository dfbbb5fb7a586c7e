"""The rows are data; tests/catalogue/test_presets.py checks each of them."""

from mcp_auth_bridge.catalogue.office_presets import OFFICE_PRESETS


def test_every_row_has_a_name_of_its_own():
    assert len({preset.name for preset in OFFICE_PRESETS}) == len(OFFICE_PRESETS)
