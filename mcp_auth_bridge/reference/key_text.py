"""The explanation of one key of the configuration file, for the reference and for editors."""

import msgspec


class KeyText(msgspec.Struct, frozen=True):
    """What one key is for. Its type and its default come from the type that reads it."""

    # One or two sentences, for a reader who knows no OAuth.
    says: str
    # A value as it stands in the file.
    example: str
    # The unit of a number, "" for none.
    unit: str = ""
    # Whether its text, or each text in it, may say where a secret is.
    is_reference: bool = False

    @property
    def whole(self) -> str:
        """The explanation with the unit."""
        return f"{self.says} In {self.unit}." if self.unit else self.says
