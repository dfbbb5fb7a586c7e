"""Cuts a stream anywhere: the result of a parser must not depend on the cuts."""

import itertools

from hypothesis import strategies as st

cuts = st.lists(st.integers(0, 200), max_size=8)


def cut(stream, where):
    """`stream` in pieces, cut at the offsets `where`; some pieces may be empty."""
    edges = [0, *sorted(min(at, len(stream)) for at in where), len(stream)]
    return [stream[start:end] for start, end in itertools.pairwise(edges)]
