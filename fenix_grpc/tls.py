"""TLS for both doors, from files that are read again when they change: each handshake takes what they say then.

A certificate that does not fit its key, or is none, is reported and the one before stays (see followed.py).
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import grpc

from fenix_grpc.core.errors import InvalidRequest
from fenix_grpc.followed import LOOK_S, Followed, check_secret


@dataclass(frozen=True, slots=True, kw_only=True)
class _Material:
    """What a handshake takes, for the doors of REST and of gRPC. Equal only to itself."""

    context: ssl.SSLContext
    grpc: grpc.ServerCertificateConfiguration


class ServerTls:
    """Certificate and key of the doors, and who signs those of clients."""

    def __init__(
        self, certificate: Path, key: Path, client_ca: Path | None = None, *, look_s: float = LOOK_S
    ) -> None:
        """With `client_ca` every client must show a certificate. Raises InvalidRequest for files that are no use."""
        self._certificate, self._key, self._client_ca = certificate, key, client_ca
        files = [certificate, key, *([client_ca] if client_ca else [])]
        try:
            self._material = Followed(files, self._read, look_s=look_s)
        except OSError as err:
            raise InvalidRequest("tls", str(err)) from err

    def context(self) -> ssl.SSLContext:
        """For the door of REST."""
        context = self._new_context()

        def choose(handshake: ssl.SSLObject, name: str | None, asked: ssl.SSLContext) -> None:
            handshake.context = self._material.now().context

        # It is called in every handshake, also for a client that names no server.
        context.sni_callback = choose
        return context

    def grpc_credentials(self) -> grpc.ServerCredentials:
        """For the door of gRPC."""
        return grpc.dynamic_ssl_server_credentials(
            self._material.now().grpc,
            lambda: self._material.now().grpc,
            require_client_authentication=self._client_ca is not None,
        )

    def _read(self) -> _Material:
        check_secret(self._key)
        context = self._new_context()  # finds out whether they fit together
        pair = (self._key.read_bytes(), self._certificate.read_bytes())
        ca = self._client_ca.read_bytes() if self._client_ca else None
        return _Material(
            context=context, grpc=grpc.ssl_server_certificate_configuration([pair], ca)
        )

    def _new_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            # An encrypted key must not make the server ask for a password on its terminal.
            context.load_cert_chain(self._certificate, self._key, password="")
        except ssl.SSLError as err:
            names = f"{self._certificate}, {self._key}"
            raise InvalidRequest("tls", f"{names}: no certificate with its key: {err}") from err
        if self._client_ca is not None:
            try:
                context.load_verify_locations(self._client_ca)
            except ssl.SSLError as err:
                raise InvalidRequest("tls", f"{self._client_ca}: no certificates: {err}") from err
            context.verify_mode = ssl.CERT_REQUIRED
        return context
