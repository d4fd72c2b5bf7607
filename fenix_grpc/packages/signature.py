"""Whether a package was signed by somebody whom the operator trusts: Ed25519 over its bytes, in a file beside it.

Made with nothing but openssl: `openssl pkeyutl -sign -rawin -inkey KEY.pem -in PACKAGE -out PACKAGE.sig`.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from fenix_grpc.core.errors import InvalidRequest, PackageRefused

#: Ed25519: bytes of a signature. A file that is longer is none.
SIGNATURE_BYTES = 64


class Key(Protocol):
    """A public key."""

    def verify(self, signature: Any, data: Any) -> None:
        """Raises cryptography's InvalidSignature."""


def load_keys(files: Sequence[str]) -> tuple[Key, ...]:
    """The public keys in PEM files. Raises InvalidRequest that names the one at fault."""
    if not files:
        return ()
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ImportError as err:
        raise InvalidRequest(
            "packages.keys", "need the package cryptography: pip install 'fenix-grpc[signatures]'"
        ) from err
    keys: list[Key] = []
    for number, file in enumerate(files):
        field = f"packages.keys[{number}]"
        try:
            key = load_pem_public_key(Path(file).read_bytes())
        except (OSError, ValueError) as err:
            raise InvalidRequest(field, f"{file} is no public key in PEM form: {err}") from err
        if not isinstance(key, Ed25519PublicKey):
            raise InvalidRequest(field, f"{file} is a key of another kind than Ed25519")
        keys.append(key)
    return tuple(keys)


def check_signature(package: Path, signature_file: Path, keys: Sequence[Key]) -> None:
    """Raises PackageRefused unless one of the keys made the signature."""
    from cryptography.exceptions import InvalidSignature

    signature = signature_file.read_bytes()
    if len(signature) != SIGNATURE_BYTES:
        raise PackageRefused(f"its signature is not one of Ed25519 ({SIGNATURE_BYTES} bytes)")
    if not package.stat().st_size:
        raise PackageRefused("is empty")
    with (
        package.open("rb") as file,
        mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped,
        memoryview(mapped) as data,
    ):
        for key in keys:
            try:
                key.verify(signature, data)
            except InvalidSignature:
                continue
            return
    raise PackageRefused("its signature is by none of the keys in [packages] keys")
