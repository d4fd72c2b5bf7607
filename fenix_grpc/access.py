"""What an operator may set about who gets in: the sections [auth], [tls] and [audit].

Values only; config.py reads and checks them, server.py makes the parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from msgspec import Meta

#: How callers can prove who they are.
KINDS = ("none", "static", "keystone", "certificates")

Word = Literal["admin", "reader", "project"]
#: Longest time that a token may be believed without asking again: revoked ones get in as long.
_LONGEST_S = 600
Short = Annotated[float, Meta(gt=0, le=_LONGEST_S)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Static:
    """[auth.static]: tokens from a file (see identity/static.py)."""

    #: Path of the file; others than its owner and group must not be able to read it.
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Keystone:
    """[auth.keystone]: tokens of OpenStack (see identity/keystone.py)."""

    #: Entry of clouds.yaml with fenix's own credentials; empty leaves the choice to OS_CLOUD and the other OS_*.
    cloud: str = ""
    #: Roles that make an administrator, in a project or in the system.
    admin_roles: tuple[str, ...] = ("admin",)
    #: Roles that make a reader in any project. `reader` is not among them: every member of a project has it.
    reader_roles: tuple[str, ...] = ("service",)
    #: Roles that make a reader when the token is for the whole system.
    system_reader_roles: tuple[str, ...] = ("reader",)
    #: Roles that let somebody speak for the project of the token.
    project_roles: tuple[str, ...] = ("member",)
    #: How long a token is believed before Keystone is asked again.
    cache_s: Short = 60.0
    #: How long a refused one is not asked for again.
    refused_s: Short = 5.0
    #: How long Keystone may take to answer.
    timeout_s: Short = 5.0
    #: Questions to Keystone at once.
    concurrency: Annotated[int, Meta(ge=1, le=64)] = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """[auth.certificates.names.NAME]: what the holder of a certificate may do."""

    role: Word
    #: The project that a manager speaks for.
    project: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """[auth.certificates]: names of clients' certificates."""

    names: Mapping[str, Named] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """[auth]: who callers are."""

    #: Of KINDS; several work together in an order of their own (see identity/several.py).
    kind: tuple[str, ...] = ("none",)
    #: Lets everybody who reaches the ports do everything, or listen to the tokens of others.
    allow_insecure: bool = False
    #: File in TOML with who may call what, where it is not what api/policy.py says; empty for none.
    policy_file: str = ""
    static: Static | None = None
    keystone: Keystone = Keystone()
    certificates: Certificates = Certificates()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """[tls]: files (PEM) with which both doors speak TLS; read again when they change."""

    #: The server's certificate, followed by those that lead to one that clients trust.
    certificate: str = ""
    #: Its private key; others than its owner and group must not be able to read it.
    key: str = ""
    #: With it every client must show a certificate that one of these has signed.
    client_ca: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFile:
    """[audit]: who did what."""

    #: Path of a file to append to; empty leaves the lines in the log.
    file: str = ""
