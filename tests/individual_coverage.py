"""Tells which share of each module its own test files cover alone, and fails if that is not all of it.

`python tests/individual_coverage.py [MODULE …]` (on Python 3.11: newer ones count lines in other ways) runs the tests
of the rooms once, with a context of coverage.py for each test file, and compares the outcome with
`[tool.individual_coverage]` in pyproject.toml: a module in that table has a reason not to be covered; any other is
covered to the last line. A reason that is not needed any more fails as well. With modules named (`oauth/trust`, or a
room, `oauth`), only their test files run. mitmproxy's test/individual_coverage.py does the same with one run for each
module.

Only the lines inside functions count: the others run when the module is imported, whichever test imports it first.
"""

import argparse
import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest
from coverage import Coverage

TESTS = Path(__file__).parent
ROOT = TESTS.parent
PACKAGE = "mcp_auth_bridge"
NO_ROOMS = ("bench", "conformance", "e2e", "faults", "properties", "scenarios", "stress", "support")
"""Folders of tests that belong to no module: they span rooms, start processes or serve other tests."""


@cache
def modules() -> dict[str, Path]:
    """Every module of the package that has a name of its own, as `oauth/trust`."""
    top = ROOT / PACKAGE
    return {
        path.relative_to(top).with_suffix("").as_posix(): path
        for path in sorted(top.rglob("*.py"))
        if not path.stem.startswith("__")
    }


def files_of_rooms() -> list[str]:
    """The test files of the rooms, as `tests/oauth/test_trust.py`."""
    files = (path.relative_to(ROOT) for path in sorted(TESTS.rglob("test_*.py")))
    return [file.as_posix() for file in files if file.parts[1] not in NO_ROOMS]


def module_of(test_file: str, known: Collection[str]) -> str | None:
    """The module that a test file is named after: `tests/oauth/test_trust_hosts.py` tests `oauth/trust`.

    Of several the longest: `test_machine_refusals.py` is not of `machine`.
    """
    name = test_file.removeprefix("tests/").removesuffix(".py").replace("test_", "", 1)
    return max((module for module in known if name == module or name.startswith(f"{module}_")), key=len, default=None)


def own_tests(known: Collection[str], files: Iterable[str]) -> dict[str, list[str]]:
    own: dict[str, list[str]] = {module: [] for module in known}
    for file in files:
        if module := module_of(file, known):
            own[module].append(file)
    return own


def reasons() -> dict[str, str]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        table: dict[str, str] = tomllib.load(file)["tool"]["individual_coverage"]
    return table


class Measuring:
    """The plugin of the run: a context for each test file, in each of pytest-xdist's workers."""

    def __init__(self, data_file: str) -> None:
        self._coverage = Coverage(data_file=data_file, data_suffix=True, config_file=str(ROOT / "pyproject.toml"))
        self._coverage.start()
        self._file = ""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        file = item.nodeid.partition("::")[0]
        if file != self._file:
            self._file = file
            self._coverage.switch_context(file)
            forget()
        return (yield)

    def pytest_sessionfinish(self) -> None:
        self._coverage.stop()
        self._coverage.save()


def forget() -> None:
    """Empties the package's caches: otherwise only the first file to fill one covers the function behind it."""
    for name, module in list(sys.modules.items()):
        if name.startswith(f"{PACKAGE}."):
            for value in list(vars(module).values()):
                if callable(clear := getattr(value, "cache_clear", None)):
                    clear()


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput") or not config.getoption("numprocesses"):
        config.pluginmanager.register(Measuring(os.environ["COVERAGE_FILE"]))


def run(files: Iterable[str], data_file: Path, arguments: Iterable[str]) -> int:
    """Runs `files` with this module as the plugin; their coverage is in `data_file` afterwards."""
    environment = {**os.environ, "COVERAGE_FILE": str(data_file), "PYTHONPATH": str(TESTS)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", Path(__file__).stem, *arguments, *files]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def lines_of_functions(source: str) -> set[int]:
    return {
        line
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for line in range(node.body[0].lineno, (node.end_lineno or 0) + 1)
    }


class Share(NamedTuple):
    """How much of a module its own test files cover."""

    lines: int
    missing: list[int]

    @property
    def percent(self) -> int:
        return 100 if not self.missing else 100 * (self.lines - len(self.missing)) // self.lines


def shares(coverage: Coverage, own: dict[str, list[str]]) -> Iterator[tuple[str, Share]]:
    for module, files in own.items():
        path = modules()[module]
        pattern = "|".join(re.escape(file) for file in files) or "nothing"
        coverage.get_data().set_query_contexts([f"^({pattern})$"])
        _, statements, _, missing, _ = coverage.analysis2(str(path))
        counted = lines_of_functions(path.read_text())
        yield module, Share(len(counted & set(statements)), sorted(counted & set(missing)))


def verdict(module: str, share: Share, reason: str | None) -> str | None:
    """What is wrong with a module, or nothing."""
    if share.missing and reason is None:
        return f"{module}: its own tests cover {share.percent} % of its lines, without {in_ranges(share.missing)}"
    if not share.missing and reason is not None:
        return f"{module}: covered by its own tests; take it out of [tool.individual_coverage]"
    return None


def in_ranges(lines: Iterable[int]) -> str:
    ranges: list[list[int]] = []
    for line in lines:
        if ranges and line == ranges[-1][1] + 1:
            ranges[-1][1] = line
        else:
            ranges.append([line, line])
    return ", ".join(f"{first}-{last}" if last > first else f"{first}" for first, last in ranges)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("module", nargs="*", help="for example oauth/trust, or a room: oauth; default: all")
    parser.add_argument("-n", default="2", help="so many tests at once (default: %(default)s)")
    given = parser.parse_args()
    known, listed = modules(), reasons()
    own = {
        module: files
        for module, files in own_tests(known, files_of_rooms()).items()
        if not given.module or any(f"{module}/".startswith(f"{name}/") for name in given.module)
    }
    with TemporaryDirectory(prefix="individual-coverage-") as folder:
        data_file = Path(folder) / "data"
        failed = run([file for files in own.values() for file in files], data_file, ["-n", given.n])
        if failed > pytest.ExitCode.TESTS_FAILED:
            return failed
        coverage = Coverage(data_file=str(data_file), config_file=str(ROOT / "pyproject.toml"))
        coverage.combine()
        covered = dict(shares(coverage, own))
    for module, share in covered.items():
        print(f"{share.percent:3} % of {share.lines:3}  {module}{f'  ({listed[module]})' if module in listed else ''}")
    wrong = [said for module, share in covered.items() if (said := verdict(module, share, listed.get(module)))]
    wrong += [
        f"{module}: no such module; take it out of [tool.individual_coverage]" for module in listed.keys() - known
    ]
    whole = sum(not share.missing for share in covered.values())
    print(*wrong, f"{whole} of {len(covered)} modules are covered by their own tests alone", sep="\n")
    return failed or bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
