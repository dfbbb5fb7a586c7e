"""argparse with this program's form of errors, width of help texts, and arguments that argparse cannot parse."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from mcp_auth_bridge.errors import ConfigError, quoted
from mcp_auth_bridge.shell.console import terminal, text_layout


class LogFormat(argparse.Action):
    """The action of `--log-format`. It takes effect at once, for errors in the rest of the command line."""

    def __call__(
        self,
        _parser: argparse.ArgumentParser,
        _namespace: argparse.Namespace,
        value: object,
        _option: str | None = None,
    ) -> None:
        if value == "json":
            terminal.use_json_lines()


class Formatter(argparse.HelpFormatter):
    """Fills paragraphs to the width of the terminal, except those with indented lines."""

    def __init__(self, prog: str) -> None:
        # argparse makes a formatter for each argument, and would ask shutil for the width, which brings bz2 and lzma.
        super().__init__(prog, width=text_layout.columns_for(sys.__stdout__) - 2)

    def _fill_text(self, text: str, width: int, indent: str) -> str:  # noqa: ARG002 - argparse's
        import textwrap  # only for help

        paragraphs = text.strip("\n").split("\n\n")
        filled = (
            paragraph
            if any(line.startswith("  ") for line in paragraph.split("\n"))
            else textwrap.fill(" ".join(paragraph.split()), width, break_long_words=False, break_on_hyphens=False)
            for paragraph in paragraphs
        )
        return "\n\n".join(filled)


class ArgumentParser(argparse.ArgumentParser):
    """Prints errors as the whole program does: prefix, sentence, hint. A suggestion replaces the hint."""

    def error(self, message: str) -> NoReturn:
        self.refuse(message, f"see: {self.prog} --help")

    def refuse(self, message: str, hint: str = "") -> NoReturn:
        terminal.report_error(ConfigError(message, hint))
        terminal.exit_now(ConfigError.exit_code)

    def refuse_unknown(self, message: str, word: str, known: Iterable[str]) -> NoReturn:
        """Refuse `word`, which is not one of the `known` ones, with `message` and a suggestion."""
        from mcp_auth_bridge.config.suggestion import nearest  # only for misspelt words

        if meant := nearest(word, known):
            self.refuse(f'{message}; did you mean "{meant}"?')
        self.error(message)

    def refuse_option(self, word: str) -> NoReturn:
        """Refuse an unknown option without printing its value, which may be a secret."""
        name = word.partition("=")[0]
        self.refuse_unknown(f"{name} is not an option of {self.prog}", name, self._option_string_actions)


class MainParser(ArgumentParser):
    """The parser of the whole command line.

    It refuses an unknown option before it could take the option's value for a command.
    """

    def parse_known_args(  # type: ignore[override]  # argparse declares it for other namespaces than its own, too
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        words = list(sys.argv[1:] if args is None else args)
        commands = self._commands()
        if words[:1] == ["help"]:
            words = [*words[1:2], "--help"]
        for word in words:
            if word in commands:
                break
            if word.startswith("-") and not self._knows(word):
                self.refuse_option(word)
        return super().parse_known_args(words, namespace)

    def _check_value(self, action: argparse.Action, value: Any) -> None:  # Any: argparse's
        commands = self._commands()
        if action.dest != "command" or value in commands:
            super()._check_value(action, value)
        elif "://" in value or ("." in value and "/" in value):
            self.refuse(
                f"a URL is not a command; did you mean “{self.prog} run URL”, or “{self.prog} login URL” to sign in?"
            )
        else:
            self.refuse_unknown(f"{quoted(value, 60)} is not a command", value, commands)

    def _commands(self) -> list[str]:
        return [name for action in self._actions if action.dest == "command" for name in action.choices or ()]

    def _knows(self, word: str) -> bool:
        """Whether `word` is an option, or an abbreviation of one."""
        name = word.partition("=")[0]
        return any(option.startswith(name) for option in self._option_string_actions)


class CommandParser(ArgumentParser):
    """The parser of one command, with two additions to argparse.

    Everything after `--exec` belongs to another program, including options and `--`. Arguments may continue after an
    option, as in `call acme add --json a=1`.
    """

    def parse_known_args(  # type: ignore[override]  # as above
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
        for word in rest:
            if word.startswith("-"):
                self.refuse_option(word)
        if rest:
            self.error("there are too many arguments")
        return found, rest
