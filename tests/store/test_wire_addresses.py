"""The pipelined connection over TCP and TLS; everything else about it is in ``test_wire``."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from broker.cli.deployment import find_ports
from broker.errors import StoreAway
from broker.store.wire import Wire
from rig.store_server import StoreServer
from tests.conftest import STORES, require

Make = Callable[..., StoreServer]


def free_port() -> str:
    return str(find_ports("127.0.0.1", 0, 1)[0])


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of ``localhost`` that signed itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = [str(require("openssl")), "req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"]
    command += ["-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


async def ask(url: str) -> bytes:
    wire = Wire(url, name="address", timeout=2)
    try:
        reply: bytes = await wire.execute("ECHO", "a")
        return reply
    finally:
        await wire.close()


@pytest.mark.parametrize("kind", STORES)
async def test_tcp(make_store: Make, kind: str) -> None:
    port = free_port()
    make_store(kind, "--port", port)
    assert await ask(f"redis://127.0.0.1:{port}/0") == b"a"
    assert await ask(f"redis://localhost:{port}") == b"a"


async def test_nobody_listens() -> None:
    with pytest.raises(StoreAway, match="ConnectionRefusedError"):
        await ask(f"redis://127.0.0.1:{free_port()}")


async def test_tls(make_store: Make, certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    port = free_port()
    options = ("--tls-port", port, "--tls-cert-file", str(cert), "--tls-key-file", str(key))
    make_store("redis7", *options, "--tls-auth-clients", "no")
    url = f"rediss://localhost:{port}"
    assert await ask(f"{url}?ssl_ca_certs={cert}") == b"a"
    assert await ask(f"{url}?ssl_cert_reqs=none") == b"a"
    with pytest.raises(StoreAway, match="SSLCertVerificationError"):
        await ask(url)
