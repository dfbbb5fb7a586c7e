"""Suggests the known word that is most like an unknown one."""

from collections.abc import Iterable

_LIKENESS = 0.6
"""How like each other two words must be (difflib's ratio, 0 to 1): `ulr` and `url` are, `acme` and `url` are not."""


def nearest(word: str, known: Iterable[str]) -> str:
    """The one of `known` that is most like `word`, "" if none is like it. Case does not count."""
    import difflib  # a word that is known needs no other

    by_lower_case = {each.lower(): each for each in known}
    found = difflib.get_close_matches(word.lower(), by_lower_case, n=1, cutoff=_LIKENESS)
    return by_lower_case[found[0]] if found else ""
