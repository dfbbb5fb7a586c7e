"""A modern client and a legacy server around the relay that parks calls; each message is checked against its era."""

import json
from itertools import count

from era_models import check_for_legacy_server, check_for_modern_client
from modern_client import EVERYTHING, FAR, SERVER_KEY, modern
from relaying import WELCOMED, Playbook, answer, request, to_client

from mcp_auth_bridge.relay.legacy_server import LegacyServer
from mcp_auth_bridge.relay.parked_calls import ParkedCalls
from mcp_auth_bridge.relay.passthrough import Passthrough

FORM = {"message": "?", "requestedSchema": {"type": "object", "properties": {}}}
ACCEPTED = {"action": "accept", "content": {"a": 1}}
SOON, LONG = 0.05, 600.0


class Client:
    """A client and a server around the relay under test. Checks each message against the models of its era."""

    def __init__(self):
        server = LegacyServer()
        server.learn(json.dumps(WELCOMED).encode())
        numbers = count(1)
        self.play = Playbook(ParkedCalls(Passthrough(), server, lambda size: next(numbers).to_bytes(size)))
        self.methods = {}

    def says(self, *values):
        for value in values:
            self.methods[value.get("id")] = value["method"]
        return self.checked(self.play.client(*values))

    def hears(self, call, value):
        return self.checked(self.play.server(call, value))

    def ended(self, call, error=None):
        return self.checked(self.play.ended(call, error))

    def woke(self, timer):
        return self.checked(self.play.woke(timer))

    def checked(self, words):
        for kind, *rest in words:
            if kind == "to client":
                check_for_modern_client(json.dumps(rest[0]), self.methods.get(rest[0].get("id")))
            elif kind == "to server":
                check_for_legacy_server(json.dumps(rest[1]))
        return words

    def parks(self, id_=1, **more):
        """A call that is parked with one form. Returns its handle."""
        self.says(call(id_, **more))
        self.hears(1, form("s1"))
        told, _ = self.woke("ask for input 1")
        return told[1]["result"]["requestState"]


def call(id_=1, capabilities=None, **more):
    return modern(id_, capabilities=EVERYTHING if capabilities is None else capabilities, name="add", **more)


def sent(id_=1, **more):
    return request(id_, name="add", **more)


def form(id_):
    return request(id_, "elicitation/create", **FORM)


def roots(id_):
    return request(id_, "roots/list")


def input_required(id_, handle, **inputs):
    named = {key.replace("_", "-"): value for key, value in inputs.items()}
    result = {"resultType": "input_required", "inputRequests": named, "requestState": f"{handle:048x}"}
    return to_client(answer(id_, {**result, "_meta": {SERVER_KEY: FAR}}))


def as_input(asked):
    return {"method": asked["method"], "params": asked["params"]}


def retry(id_, handle, **responses):
    named = {key.replace("_", "-"): value for key, value in responses.items()}
    return call(id_, requestState=handle, inputResponses=named)


def done(id_):
    return to_client(answer(id_, {"content": [], "resultType": "complete", "_meta": {SERVER_KEY: FAR}}))


def result(id_):
    return answer(id_, {"content": []})


def error(id_, code, **more):
    return {"jsonrpc": "2.0", "id": id_, "error": {"code": code, "message": "no", **more}}


def refusals(words):
    return [(value["id"], value["error"]["code"]) for kind, _, value, _ in words if kind == "to server"]
