"""The options of `login`, of which some are for `--export` or `--import` alone."""

import pytest
from moving import Machine, refusal

from mcp_auth_bridge.cli import main, manual
from mcp_auth_bridge.errors import BridgeError, ConfigError

MISUSED = [
    ("--copy", "--copy goes with --export, not with a login"),
    ("--replace", "--replace goes with --import, not with a login"),
    ("--passphrase env:P", "--passphrase goes with --export and --import, not with a login"),
    ("--recipient mab1-x", "--recipient goes with --export, not with a login"),
    ("--export f --replace", "--replace goes with --import, not with --export"),
    ("--import f --copy", "--copy goes with --export, not with --import"),
    ("--import f --recipient mab1-x", "--recipient goes with --export, not with --import"),
    ("--export f --device", "--device goes with a login, not with --export"),
    ("--import f --no-browser", "--no-browser goes with a login, not with --import"),
    ("--export f --trust https://x", "--trust goes with a login, not with --export"),
]


@pytest.mark.parametrize(("options", "sentence"), MISUSED)
def test_an_option_that_means_nothing_there_is_refused(options, sentence):
    given = manual.build_parser().parse_args(["login", "acme", *options.split()])
    assert refusal(main._login, given) == (ConfigError, sentence)


@pytest.mark.parametrize("options", ["", "--export f", "--export f --copy --recipient mab1-x", "--import - --replace"])
def test_what_belongs_together_is_taken(options):
    assert callable(main._login(manual.build_parser().parse_args(["login", "acme", *options.split()])))


def test_an_empty_file_name_does_not_start_a_login_in_the_browser(tmp_path):
    desk = Machine(tmp_path / "desk")
    desk.log_in()
    kind, _ = refusal(desk.export, "")
    assert kind is ConfigError
    story = main._login(manual.build_parser().parse_args(["login", "acme", "--import", ""]))
    with pytest.raises(BridgeError):
        desk.run(story(desk.context))
