"""What an operator may set, read from one TOML file and checked before anything starts.

Every key has a default; a key that is not known or of the wrong type stops the start with its section, its name and
what is expected. Nothing here loads plug-ins or opens anything: server.py does, with these values.
"""

from __future__ import annotations

import ipaddress
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from msgspec import Meta

from fenix_grpc.core.errors import InvalidRequest
from fenix_grpc.core.model import Fallback, Policy
from fenix_grpc.options import read_options

T = TypeVar("T")

#: Names the file when no path is given.
CONFIG_VARIABLE = "FENIX_CONFIG"

Choice = Literal["migrate", "fail"]
#: No time or limit is larger: a year in seconds.
_MOST = 31_536_000
Seconds = Annotated[float, Meta(gt=0, le=_MOST)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """[server]: where clients connect."""

    #: HOST:PORT of gRPC.
    grpc_listen: str = "127.0.0.1:12348"
    #: HOST:PORT of the REST gateway.
    rest_listen: str = "127.0.0.1:12347"
    #: Sessions that may be active at a time; one that has ended or failed does not count.
    max_sessions: Annotated[int, Meta(ge=1)] = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """[database]: where the journal is."""

    #: As SQLAlchemy writes it: sqlite, postgresql+psycopg or mariadb+pymysql.
    url: str = "sqlite:///fenix.sqlite"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """[cloud]: what is maintained."""

    kind: Literal["simulated", "openstack"] = "simulated"
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """[auth]: who callers are."""

    kind: Literal["none"] = "none"
    #: Lets everybody who reaches the ports do everything.
    allow_insecure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Projects:
    """[projects]: who answers for a project."""

    #: Ids of projects whose manager is there even when it was not heard.
    managed: tuple[str, ...] = ()
    #: For a project whose manager does not listen.
    no_manager: Choice = "migrate"
    #: For a project whose manager listens and does not answer in time.
    silence: Choice = "fail"
    #: How long a manager counts as listening after it was heard last.
    listener_grace_s: Seconds = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """[actions.NAME]: an action plug-in that sessions may run under that name."""

    #: Name of an installed plug-in.
    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workflows:
    """[workflows]: what sessions may follow."""

    allowed: tuple[str, ...] = ("default", "vnf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """[engine]: who does the work."""

    #: How long a server that died keeps its sessions from the others.
    lease_s: Seconds = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All sections."""

    server: Server = Server()
    database: Database = Database()
    cloud: Cloud = Cloud()
    auth: Auth = Auth()
    projects: Projects = Projects()
    #: [timers]: times and limits of new sessions by the names of `Policy`; the rest of it is in [projects].
    timers: Policy = Policy()
    actions: Mapping[str, Action] = field(default_factory=dict)
    workflows: Workflows = Workflows()
    engine: Engine = Engine()

    def policy(self) -> Policy:
        """What new sessions are created with."""
        return replace(
            self.timers,
            no_manager=Fallback(self.projects.no_manager.upper()),
            silence=Fallback(self.projects.silence.upper()),
        )


def load(path: str | Path | None = None, environ: Mapping[str, str] = os.environ) -> Config:
    """The configuration at `path`, else at the path in FENIX_CONFIG, else the defaults. Raises InvalidRequest."""
    path = path or environ.get(CONFIG_VARIABLE)
    if not path:
        return parse("")
    try:
        return parse(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as err:
        raise InvalidRequest(str(path), f"cannot be read: {err}") from err
    except InvalidRequest as err:
        raise InvalidRequest(f"{path}: {err.field}", err.problem) from err


def parse(text: str) -> Config:
    """The configuration in a TOML text. Raises InvalidRequest, whose field is `section.key`."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        raise InvalidRequest("TOML", str(err)) from err
    _refuse_strangers(data, {known.name for known in fields(Config)}, "")
    actions = _table(data, "actions", "")
    config = Config(
        server=_section(data, "server", Server),
        database=_section(data, "database", Database),
        cloud=_section(data, "cloud", Cloud),
        auth=_section(data, "auth", Auth),
        projects=_section(data, "projects", Projects),
        timers=_timers(data),
        actions={name: _section(actions, name, Action, "actions.") for name in actions},
        workflows=_section(data, "workflows", Workflows),
        engine=_section(data, "engine", Engine),
    )
    _check_doors(config)
    return config


def address(field: str, listen: str) -> tuple[str, int]:
    """Host and port of HOST:PORT; an IPv6 host stands in brackets. Raises InvalidRequest."""
    host, _, port = listen.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not host or (":" in host and not bracketed) or not (port.isascii() and port.isdigit()):
        raise InvalidRequest(field, f"expected HOST:PORT such as 127.0.0.1:12348, not {listen!r}")
    if int(port) > 65535:
        raise InvalidRequest(field, f"expected a port up to 65535, not {port}")
    return host[1:-1] if bracketed else host, int(port)


def _check_doors(config: Config) -> None:
    """Both addresses can be read, and nobody gets in from outside without saying who it is."""
    server = config.server
    for name, listen in (("grpc_listen", server.grpc_listen), ("rest_listen", server.rest_listen)):
        host, _ = address(f"server.{name}", listen)
        if config.auth.kind == "none" and not config.auth.allow_insecure and not is_local(host):
            raise InvalidRequest(
                f"server.{name}",
                f"{listen} can be reached from other machines, and auth.kind none lets everybody do everything: "
                "listen on 127.0.0.1, or set auth.allow_insecure = true if the network protects you",
            )


def is_local(host: str) -> bool:
    """Only this machine can reach it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _timers(data: Mapping[str, Any]) -> Policy:
    for name, value in _table(data, "timers", "").items():
        if name in ("no_manager", "silence"):
            raise InvalidRequest(f"timers.{name}", f"belongs to projects.{name}")
        if isinstance(value, int | float) and not 0 < value <= _MOST:
            raise InvalidRequest(
                f"timers.{name}", f"expected a number above 0 and up to {_MOST}, not {value}"
            )
    return _section(data, "timers", Policy)


def _section(data: Mapping[str, Any], name: str, kind: type[T], prefix: str = "") -> T:
    table = _table(data, name, prefix)
    types = get_type_hints(kind)
    _refuse_strangers(table, types.keys(), f"{prefix}{name}.")
    for key, value in table.items():
        choices = get_args(types[key]) if get_origin(types[key]) is Literal else ()
        if choices and value not in choices:
            expected = ", ".join(map(repr, choices))
            raise InvalidRequest(
                f"{prefix}{name}.{key}", f"expected one of {expected}, not {value!r}"
            )
    return read_options(table, kind, prefix + name)


def _table(data: Mapping[str, Any], name: str, prefix: str) -> Mapping[str, Any]:
    table = data.get(name, {})
    if not isinstance(table, dict):
        raise InvalidRequest(f"{prefix}{name}", f"expected a section [{prefix}{name}]")
    return table


def _refuse_strangers(table: Mapping[str, Any], known: Any, prefix: str) -> None:
    for key in table:
        if key not in known:
            raise InvalidRequest(
                f"{prefix}{key}", f"is not known; expected one of {', '.join(sorted(known))}"
            )
