"""A response without a connection: a body in chunks."""


class Share:
    """Records how many bytes are counted."""

    def __init__(self):
        self.held = []

    async def hold(self, size):
        self.held.append(size)


class Body:
    """A response whose body arrives in these chunks."""

    def __init__(self, *chunks, status=200, kind="application/json"):
        self._chunks = chunks
        self._kind = kind
        self.status = status
        self.share = Share()
        self.closed = False

    def header(self, name):
        return {"content-type": self._kind}.get(name, "")

    async def chunks(self):
        for chunk in self._chunks:
            yield chunk

    async def read(self, limit):
        return b"".join(self._chunks)

    async def aclose(self):
        self.closed = True
