"""One end of a TCP connection."""

End = tuple[str, int]
"""An address and a port."""
