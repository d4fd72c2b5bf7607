"""Real certificates, made on the spot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_PEM = serialization.Encoding.PEM


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path
    serial: int


class Authority:
    """Signs certificates."""

    def __init__(self, directory: Path, name: str = "ca") -> None:
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        own = _begun(self._name, self._name, self._key).add_extension(constraints, critical=True)
        #: For those who trust it.
        self.ca = directory / f"{name}.pem"
        self.ca.write_bytes(own.sign(self._key, hashes.SHA256()).public_bytes(_PEM))

    def issue(self, file: str, *names: str, common: str = "", server: bool = False) -> Pair:
        """A certificate for DNS names (a client's), with its key, in files that are replaced. A server's is for
        localhost, too."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)] if common else [])
        builder = _begun(subject, self._name, key)
        alternative: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
        if server:
            alternative += [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
        if alternative:
            builder = builder.add_extension(
                x509.SubjectAlternativeName(alternative), critical=not common
            )
        signed = builder.sign(self._key, hashes.SHA256())
        pair = Pair(
            certificate=self._directory / f"{file}.pem",
            key=self._directory / f"{file}.key",
            serial=signed.serial_number,
        )
        pair.key.touch(mode=0o600)
        pair.key.write_bytes(
            key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        pair.certificate.write_bytes(signed.public_bytes(_PEM))
        return pair


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)  # noqa: TID251
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
    )
