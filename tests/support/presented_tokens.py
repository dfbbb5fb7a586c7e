"""Credentials that present one token after the other and record the refusals."""

from remoting import (
    header,
)


class Tokens:
    """Presents the tokens in order: the next one after each refusal."""

    def __init__(self, *tokens, explanation=None):
        self._tokens = list(tokens)
        self._explanation = explanation
        self.asked = []
        self.refusals = []

    async def headers(self, target, refused=None):
        self.asked.append((target, refused and refused.status))
        self.refusals += [refused] if refused else []
        if refused is not None and refused.again and self._explanation is not None:
            raise self._explanation
        if refused is not None:
            self._tokens.pop(0)
        return {"authorization": f"Bearer {self._tokens[0]}"}


def tokens_of(server):
    return [header(request, b"authorization") for request in server.requests]
