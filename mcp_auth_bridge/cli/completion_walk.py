"""What may come next in a command line, found by walking its words through the parsers of argparse."""

import argparse
import enum
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence

import msgspec

_END = "\ue000"  # a letter for private use: marks the place of the cursor
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)


class Candidate(msgspec.Struct, frozen=True):
    """One word that may come next, and what it means."""

    word: str
    about: str = ""


class Kind(enum.Enum):
    """Words that the parsers do not list."""

    FILES = "files"
    FOLDERS = "folders"
    SERVERS = "servers"
    CONFIGURED = "servers of the configuration"
    CLIENTS = "clients"
    PRESETS = "presets"
    UNKNOWN = "unknown"


_BY_METAVAR: Mapping[str, Kind] = {
    "FILE": Kind.FILES,
    "FILE|URL": Kind.FILES,
    "DIR": Kind.FOLDERS,
    "NAME|URL": Kind.SERVERS,
    "SERVER": Kind.CONFIGURED,
    "CLIENT": Kind.CLIENTS,
    "PRESET": Kind.PRESETS,
    "[NAME] URL|PRESET": Kind.PRESETS,
}
"""What the name of a value in the help texts means."""


def split_line(line: str) -> tuple[list[str], str]:
    """The complete words of `line` after the name of the program, and the word that is being written, maybe "".

    Quotation marks may be open. Assignments before the name of the program are left out.
    """
    for end in ("", "'", '"'):
        try:
            *words, current = shlex.split(f"{line}{_END}{end}")
        except ValueError:  # a quotation mark is open
            continue
        while words and _ASSIGNMENT.fullmatch(words[0]):
            words = words[1:]
        return words[1:], current.removesuffix(_END)
    return [], ""


def find_candidates(parser: argparse.ArgumentParser, words: Sequence[str], current: str) -> list[Candidate] | Kind:
    """What may come after `words` in the place of `current`: candidates, or their kind."""
    place = _Place(parser)
    for word in words:
        place.take(word)
    return place.candidates(current)


class _Place:
    """A place in a command line: which parser reads it, and what it has read so far."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        # The parser that reads the next word.
        self._parser = parser
        # The option that waits for its value.
        self._waiting: argparse.Action | None = None
        # The options so far.
        self._seen: list[argparse.Action] = []
        # How many arguments that parser has read.
        self._arguments = 0
        # Whether `--exec` has come: the rest belongs to another program.
        self._foreign = False

    def take(self, word: str) -> None:
        """Read the complete word `word`."""
        if self._foreign:
            return
        if self._waiting is not None:
            self._waiting = None
        elif word.startswith("-") and word != "-":
            self._take_option(word)
        elif (commands := _commands(self._parser)) is not None:
            self._parser = commands.get(word, self._parser)
        else:
            self._arguments += 1

    def _take_option(self, word: str) -> None:
        name, equals, _ = word.partition("=")
        option = _options(self._parser).get(name)
        if option is None:
            return
        self._seen.append(option)
        self._foreign = option.nargs == "*"
        if option.nargs != 0 and not equals:
            self._waiting = option

    def candidates(self, current: str) -> list[Candidate] | Kind:
        """What may stand in the place of `current`."""
        if self._foreign:
            return Kind.FILES
        if self._waiting is not None:
            return _values(self._waiting, "")
        name, equals, _ = current.partition("=")
        if equals and (option := _options(self._parser).get(name)) is not None:
            return _values(option, f"{name}=")
        if current.startswith("-"):
            return self._unused_options()
        if (commands := _commands(self._parser)) is not None:
            helps = {each.dest: each.help or "" for each in _choices_actions(self._parser)}
            return [Candidate(command, helps.get(command, "")) for command in commands]
        return self._argument()

    def _unused_options(self) -> list[Candidate]:
        """The long options, apart from those that were given and may be given only once."""
        used = [each for each in self._seen if type(each).__name__ != "_AppendAction"]
        options = dict.fromkeys(option for option in _options(self._parser).values() if option not in used)
        return [
            Candidate(max(option.option_strings, key=len), option.help or "")
            for option in options
            if option.help is not argparse.SUPPRESS
        ]

    def _argument(self) -> list[Candidate] | Kind:
        places = [each for each in self._parser._actions if not each.option_strings]  # noqa: SLF001 - no public list
        # With --all instead of a client, the only argument is the server.
        skipped = any(each.dest == "all" for each in self._seen) and [each.dest for each in places][:1] == ["client"]
        at = self._arguments + skipped
        if at < len(places):
            return _values(places[at], "")
        return _values(places[-1], "") if places and places[-1].nargs == "*" else []


def _values(action: argparse.Action, begin: str) -> list[Candidate] | Kind:
    if action.choices is not None:
        return [Candidate(f"{begin}{choice}") for choice in action.choices]
    return _BY_METAVAR.get(str(action.metavar), Kind.UNKNOWN)


def _options(parser: argparse.ArgumentParser) -> Mapping[str, argparse.Action]:
    return parser._option_string_actions  # noqa: SLF001 - it has no public name


def _commands(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser] | None:
    """The parsers of the commands, None for the parser of a command."""
    for action in parser._actions:  # noqa: SLF001 - as above
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - as above
            return action.choices
    return None


def _choices_actions(parser: argparse.ArgumentParser) -> Iterable[argparse.Action]:
    """The entries of the list of commands, with their help texts."""
    for action in parser._actions:  # noqa: SLF001 - as above
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - as above
            yield from action._choices_actions  # noqa: SLF001 - as above
