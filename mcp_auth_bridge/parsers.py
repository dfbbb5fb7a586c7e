"""argparse with the manners of this program: how it says no, and what it cannot read by itself."""

import argparse
from collections.abc import Sequence
from typing import NoReturn

from mcp_auth_bridge.errors import ConfigError
from mcp_auth_bridge.shell import terminal


class LogFormat(argparse.Action):
    """Takes effect at once: what is wrong with the rest of the command line is said in that format already."""

    def __call__(
        self,
        _parser: argparse.ArgumentParser,
        _namespace: argparse.Namespace,
        value: object,
        _option: str | None = None,
    ) -> None:
        if value == "json":
            terminal.speak_json()


class Parser(argparse.ArgumentParser):
    """Errors as everywhere else: the prefix, a sentence, a hint."""

    def error(self, message: str) -> NoReturn:
        sentence, unknown, words = message.partition("unrecognized arguments: ")
        if unknown:  # the options' names, without values: what is a secret elsewhere may be meant as one here
            names = [word.partition("=")[0] for word in words.split() if word.startswith("-")]
            message = f"{sentence}{unknown}{' '.join(names) or 'too many'}"
        terminal.complain(ConfigError(message, f"see: {self.prog} --help"))
        terminal.leave(ConfigError.exit_code)


class Command(Parser):
    """The parser of one command, which knows two things that argparse does not.

    Whatever follows `--exec` belongs to another program, options and `--` too; and more arguments may come after an
    option has come between, as in `call acme add --json a=1`.
    """

    def parse_known_args(  # type: ignore[override]  # argparse declares it for other namespaces than its own, too
        self, args: Sequence[str], namespace: None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        cut = args.index("--exec") + 1 if "--exec" in args else len(args)
        found, rest = super().parse_known_args(args[:cut], namespace)
        if "exec" in found:
            program = args[cut + 1 :] if args[cut : cut + 1] == ["--"] else args[cut:]
            found.exec = None if found.exec is None else tuple(program)
        if "arguments" in found:
            found.arguments = [*found.arguments, *(word for word in rest if not word.startswith("-"))]
            rest = [word for word in rest if word.startswith("-")]
        return found, rest
