"""The check of the log files: where they are, and why there may be none."""

import anyio
import pytest
from commanding import context_of
from msgspec.structs import replace

from mcp_auth_bridge.doctor.evidence import Evidence
from mcp_auth_bridge.doctor.finding import Outcome
from mcp_auth_bridge.doctor.log_files import log_files
from mcp_auth_bridge.doctor.subject import Subject
from mcp_auth_bridge.shell.console.log_folder import LogFiles
from mcp_auth_bridge.shell.files.paths import NOWHERE

URL = "http://127.0.0.1:1/mcp"


@pytest.fixture
def context(tmp_path):
    return context_of(tmp_path, URL)


def found(context):
    return anyio.run(log_files, Evidence(Subject(context)))


def test_before_the_first_run_the_folder_is_told_and_not_made(context, tmp_path):
    finding = found(context)
    assert (finding.outcome, finding.says) == (Outcome.OK, f"none yet; `run` will write them to {tmp_path / 'log'}")
    assert not (tmp_path / "log").exists()


def test_the_newest_file_is_named(context, tmp_path):
    LogFiles(tmp_path / "log").append(b"{}\n")
    (newest,) = (tmp_path / "log").iterdir()
    for name in ("bridge-20260101T000000Z-1.jsonl", "other.txt"):
        (tmp_path / "log" / name).touch()
    finding = found(context)
    assert (finding.outcome, finding.says) == (Outcome.OK, f"2 in {tmp_path / 'log'}, the newest {newest.name}")


def test_a_folder_that_cannot_be_used_is_a_warning_with_what_to_do(context, tmp_path):
    (tmp_path / "log").mkdir()
    (tmp_path / "log").chmod(0o755)
    finding = found(context)
    assert finding.outcome is Outcome.WARN
    assert finding.says == f"`run` keeps no log: {tmp_path / 'log'} is open to other users"
    assert finding.hint.startswith("run: chmod 700 ")


def test_a_user_without_a_home_has_none(context):
    assert found(replace(context, paths=NOWHERE)).outcome is Outcome.SKIP
