"""Suggestions for misspelt words."""

from collections.abc import Iterable

_LIKENESS = 0.6
"""How similar two words must be (difflib's ratio, 0 to 1): `ulr` is similar to `url`, `acme` is not."""


def nearest(word: str, known: Iterable[str]) -> str:
    """The one of `known` that is most similar to `word`, ignoring case; "" if none is similar."""
    import difflib  # only for misspelt words

    by_lower_case = {each.lower(): each for each in known}
    found = difflib.get_close_matches(word.lower(), by_lower_case, n=1, cutoff=_LIKENESS)
    return by_lower_case[found[0]] if found else ""
