"""A change of the user's configuration file: checked by parsing it before it takes the old one's place."""

import contextlib
from collections.abc import Callable
from pathlib import Path

from mcp_auth_bridge.app.context import Context
from mcp_auth_bridge.config import config_file
from mcp_auth_bridge.config.config_file import Config
from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.shell.files.lock import Locks
from mcp_auth_bridge.shell.files.user_file import UserFile, make_folders, read_user_file, replace_user_file

SCHEMA_FILE = "mcp-auth-bridge.schema.json"
_SCHEMA_LINE = f"#:schema ./{SCHEMA_FILE}"
"""The directive of Taplo and Even Better TOML; its path is relative to the file (taplo,
site/configuration/directives.md, 2026-03-11).
"""


def read_config(context: Context) -> tuple[UserFile, Config]:
    """The configuration file and its content, as they are now. Raises `ConfigError`."""
    before = read_user_file(context.config.path)
    return before, config_file.parse(before.unmarked, before.path, context.config.store)


def _with_schema_line(text: str, file: UserFile) -> str:
    """`text`; for a new `file` it begins with the line by which editors find the schema."""
    return text if file.data is not None else f"{_SCHEMA_LINE}\n"


def _write_schema(path: Path) -> None:
    """Put the schema beside the configuration file `path`, if that names it. A failure is not worth an error."""
    from mcp_auth_bridge.reference.config_schema import schema_text  # only for changes of the file

    with contextlib.suppress(ConfigError):
        if not read_user_file(path).unmarked.startswith(_SCHEMA_LINE):
            return
        before = read_user_file(path.with_name(SCHEMA_FILE))
        if before.text != schema_text():
            replace_user_file(before, schema_text())


def change_config(context: Context, name: str, edit: Callable[[str, Config], str]) -> Config:
    """Let `edit` change the text of the configuration file, and return the new configuration.

    Only the server `name` may change. Raises `ConfigError`, and then the file is as before.
    """
    make_folders(context.config.path, 0o700)
    with Locks(context.paths.locks).mutex("the configuration file"):
        before, old = read_config(context)
        text = edit(_with_schema_line(before.unmarked, before), old)
        new = config_file.parse(text, before.path, context.config.store)
        if _others(new, name) != _others(old, name):
            raise ConfigError(f"{before.path} cannot be changed without a change of something else", "edit it by hand")
        if text != before.unmarked:
            replace_user_file(before, before.marked(text))
            _write_schema(before.path)
        return new


def _others(config: Config, name: str) -> object:
    """Everything in `config` that is not about the server `name`."""
    profiles = {key: profile for key, profile in config.profiles.items() if key != name}
    return config.store, profiles, {key: broken.url for key, broken in config.broken.items() if key != name}
