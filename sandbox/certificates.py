"""Certificates of the box: an authority, new at each start and known to nobody else."""

import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

# The authority's certificate in the directory of the box: for those who shall believe it.
FILE = "authority.pem"


@dataclass(frozen=True, slots=True)
class Identity:
    """A server's context and its certificate."""

    context: ssl.SSLContext
    certificate: x509.Certificate


class Authority:
    """Vouches for the names it is given."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named("Hatobin sandbox authority")
        builder = _builder(self._name, self._name, self._key.public_key())
        only_issues = x509.BasicConstraints(ca=True, path_length=0)
        self._certificate = builder.add_extension(only_issues, critical=True).sign(
            self._key, hashes.SHA256()
        )

    @property
    def pem(self) -> bytes:
        """Its own certificate."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def identity(self, names: Sequence[str]) -> Identity:
        """A certificate for all the names, with the authority's behind it."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_named("Hatobin sandbox"), self._name, key.public_key())
        alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        certificate = builder.add_extension(alternatives, critical=False).sign(
            self._key, hashes.SHA256()
        )
        secret = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        own = certificate.public_bytes(serialization.Encoding.PEM)
        return Identity(_loaded(own + self.pem + secret), certificate)


def _named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=30))
    )


def _loaded(pem: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # The ssl module reads certificates from files only.
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "sandbox.pem"
        path.write_bytes(pem)
        context.load_cert_chain(path)
    return context
