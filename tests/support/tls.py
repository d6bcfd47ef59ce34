"""TLS for test servers: certificates of an authority that nobody but the test knows."""

import ssl
from functools import lru_cache
from pathlib import Path

import trustme


@lru_cache(maxsize=1)
def authority() -> trustme.CA:
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


@lru_cache(maxsize=1)
def server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("fake.example", "127.0.0.1").configure_cert(context)
    return context


def write_certificate(directory: Path, name: str) -> tuple[Path, Path]:
    """A certificate and its key as the files that a server's settings name."""
    issued = authority().issue_cert(name)
    chain, key = directory / "chain.pem", directory / "key.pem"
    issued.cert_chain_pems[0].write_to_path(chain)
    issued.private_key_pem.write_to_path(key)
    return chain, key
