"""A Redis server for one test, and the parts that several machines share."""

import os
import shutil
import signal
import socket
import subprocess
import time

import pytest
from needs import missing

from mcp_auth_bridge.config.network import NetworkSettings
from mcp_auth_bridge.config.redis import RedisStoreSettings as Settings
from mcp_auth_bridge.config.redis import parse_address
from mcp_auth_bridge.shell.fleet.server import RedisServer
from mcp_auth_bridge.shell.net.network import Network
from mcp_auth_bridge.stores.redis import RedisStore

KEY = bytes(range(32))

SERVER = shutil.which("redis-server") or shutil.which("valkey-server")
needs_redis = pytest.mark.skipif(SERVER is None, reason=missing("redis-server"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Redis:
    """A server with its data in `folder`; unless `durable` is false, each write is on disk before it is confirmed."""

    def __init__(self, folder, *options, durable=True, before=(), host="127.0.0.1"):
        self.port = free_port()
        self.host = host
        self.url = f"redis://{host}:{self.port}"
        folder.mkdir(exist_ok=True)
        keep = ("--appendonly", "yes", "--appendfsync", "always") if durable else ()
        self._argv = [*before, SERVER, "--bind", host, "--port", str(self.port), "--save", "", "--dir", str(folder)]
        self._argv += [*keep, *options]
        self._log = folder / "redis.log"
        self.start()

    def start(self):
        """Start the server; return once it answers."""
        with self._log.open("ab") as log:
            start = self._log.stat().st_size
            self.process = subprocess.Popen(self._argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            while b"eady to accept connections" not in self._log.read_bytes()[start:]:
                assert self.process.poll() is None, self._log.read_text()
                time.sleep(0.005)
        except BaseException:
            self.kill()
            raise

    def kill(self):
        self.process.kill()
        self.process.wait()

    def freeze(self):
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self):
        os.kill(self.process.pid, signal.SIGCONT)

    def connection(self, *, password=None, reference="", url="", **settings):
        """The server as a process of the bridge uses it. `password` reads the secret that `reference` names."""
        settings = Settings(url or self.url, password=reference, key_file="key", **settings)
        network = Network(NetworkSettings(ca_file=settings.ca_file))
        return RedisServer(parse_address(settings, "store"), settings, network, password)

    def store(self, prefix="test"):
        return RedisStore(self.connection(), prefix, lambda: KEY, os.urandom)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()


def forget_the_rest(server):
    """Ends the pause after a failure, in which the bridge does not contact the server."""
    server._rests_until = float("-inf")
