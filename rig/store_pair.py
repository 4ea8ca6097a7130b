"""Two stores behind one address: a primary and its replica, of which each can become the other."""

from pathlib import Path
from typing import Any

from redis import Redis

from broker.cli.deployment import find_ports
from rig.program import until
from rig.relay import Relay
from rig.store_server import StoreServer

_HOST = "127.0.0.1"
_IDLE = 2  # seconds


class StorePair(StoreServer):
    """Clients reach the primary through a relay, whose living connections stay where they are."""

    def __init__(self, binary: Path, data: Path) -> None:
        ports = find_ports(_HOST, 0, 2)
        super().__init__(binary, data, _options(ports[0]))
        folder = data / "second"
        folder.mkdir()
        self._second = StoreServer(binary, folder, _options(ports[1]))
        self._servers: list[StoreServer] = [self, self._second]  # the primary first
        self._ports = {id(self): ports[0], id(self._second): ports[1]}
        self._relay = Relay((_HOST, ports[0]))

    @property
    def url(self) -> str:
        return f"redis://{_HOST}:{self._relay.port}"

    def start(self, *, wait: bool = True) -> None:
        super().start(wait=wait)
        self._second.start(wait=wait)
        self._follow(self._second, self)
        self._relay.start()

    def demote(self, *, gently: bool = False) -> None:
        """The replica becomes the primary, and the primary its replica; the address stays.

        Gently, all that was acknowledged is there; else what had not been replicated is lost.
        """
        primary, replica = self._servers
        if gently:
            self._ask(primary, "FAILOVER", "TO", _HOST, str(self._port(replica)))
            assert until(lambda: self._role(primary) == "slave")
            assert until(lambda: self._role(replica) == "master")
        else:
            self._ask(replica, "REPLICAOF", "NO", "ONE")
            self._ask(primary, "REPLICAOF", _HOST, str(self._port(replica)))
        self._servers.reverse()

    def readdress(self) -> None:
        """From now on the address leads to the primary."""
        self._relay.target = (_HOST, self._port(self._servers[0]))

    def clients_of_replica(self) -> list[str]:
        """The names of the connections by which it is still used: one asks, waits or listens.

        Those that a pool keeps for later are made anew when they are needed.
        """
        with self._client(self._servers[1]) as client:
            listed: Any = client.client_list()
        return [each["name"] for each in listed if each["name"] and _is_used(each)]

    def close(self) -> None:
        self._relay.close()
        self._second.close()
        super().close()

    def _follow(self, replica: StoreServer, primary: StoreServer) -> None:
        self._ask(replica, "REPLICAOF", _HOST, str(self._port(primary)))
        assert until(lambda: self._info(replica)["master_link_status"] == "up")

    def _port(self, server: StoreServer) -> int:
        return self._ports[id(server)]

    def _role(self, server: StoreServer) -> str:
        return str(self._info(server)["role"])

    def _info(self, server: StoreServer) -> dict[str, Any]:
        with self._client(server) as client:
            found: Any = client.info("replication")
        return dict(found)

    def _ask(self, server: StoreServer, *words: str) -> None:
        with self._client(server) as client:
            client.execute_command(*words)

    def _client(self, server: StoreServer) -> Redis:
        return Redis(unix_socket_path=str(server.socket))


def _options(port: int) -> tuple[str, ...]:
    # Without a pause before a replica is sent the data, and with room for what it misses.
    delay = ("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1")
    return ("--port", str(port), "--bind", _HOST, *delay)


def _is_used(client: dict[str, str]) -> bool:
    return int(client["idle"]) < _IDLE or "b" in client["flags"] or int(client["sub"]) > 0
