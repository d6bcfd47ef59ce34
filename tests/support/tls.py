"""TLS for test servers: certificates of an authority that nobody but the test knows."""

import ssl
from functools import lru_cache

import trustme


@lru_cache(maxsize=1)
def authority() -> trustme.CA:
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


@lru_cache(maxsize=1)
def server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("fake.example", "127.0.0.1").configure_cert(context)
    return context
