"""What an operator may set, read from one TOML file and checked before anything starts.

Every key has a default; a key that is not known or of the wrong type stops the start with its section, its name and
what is expected. Nothing here loads plug-ins or opens anything: server.py does, with these values.
"""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from msgspec import Meta

from fenix_grpc.access import (
    KINDS,
    AuditFile,
    Auth,
    Certificates,
    Keystone,
    Named,
    Static,
    Tls,
)
from fenix_grpc.core.errors import InvalidRequest
from fenix_grpc.core.model import Fallback, Policy
from fenix_grpc.options import read_options

T = TypeVar("T")

#: Names the file when no path is given.
CONFIG_VARIABLE = "FENIX_CONFIG"

Choice = Literal["migrate", "fail"]
#: No time or limit is larger: a year in seconds.
_MOST = 31_536_000
#: A trait has 255 characters; ids of a session, a project and an instance must fit behind it.
LONGEST_PUBLIC_URL = 100
Seconds = Annotated[float, Meta(gt=0, le=_MOST)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """[server]: where clients connect."""

    #: HOST:PORT of gRPC.
    grpc_listen: str = "127.0.0.1:12348"
    #: HOST:PORT of the REST gateway.
    rest_listen: str = "127.0.0.1:12347"
    #: How clients reach the REST gateway from outside; every link that projects are sent begins with it. Empty means
    #: http:// and rest_listen.
    public_url: str = ""
    #: Sessions that may be active at a time; one that has ended or failed does not count.
    max_sessions: Annotated[int, Meta(ge=1)] = 100
    #: After SIGTERM it says that it is not ready and still serves for so long: what a proxy takes to notice.
    notice_s: Annotated[float, Meta(ge=0, le=300)] = 0.0
    #: Then calls that run get so long to end.
    grace_s: Annotated[float, Meta(gt=0, le=300)] = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """[limits]: what callers may ask of this server. Each stops what a mistake or a flood would do to all others."""

    #: Largest request, over either door: room for 10000 hosts with long names.
    message_bytes: Annotated[int, Meta(ge=65_536, le=1 << 30)] = 4 << 20
    #: All metadata of a call, all headers of a request.
    metadata_bytes: Annotated[int, Meta(ge=4096, le=1 << 20)] = 32 << 10
    #: Hosts that a session may name.
    hosts_per_session: Annotated[int, Meta(ge=1, le=100_000)] = 10_000
    #: Watches that one caller may have open on this server.
    watches_per_caller: Annotated[int, Meta(ge=1)] = 10_000
    #: Calls of one caller per second, in the long run; a new watch is a call.
    calls_per_s: Annotated[float, Meta(gt=0)] = 1000.0
    #: Calls that a caller who was quiet may make at once.
    calls_burst: Annotated[int, Meta(ge=1)] = 5000
    #: Calls of all callers that may be under way at a time, watches not counted: bounds every queue behind the doors.
    calls_at_once: Annotated[int, Meta(ge=1)] = 1000
    #: Longest time for a call that is no watch, also when the client sets no deadline.
    call_s: Seconds = 60.0
    #: A reader that takes nothing for so long is closed; it resumes from its last token.
    stalled_s: Seconds = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """[metrics]: where Prometheus finds them."""

    #: `rest`: /metrics on the REST door; HOST:PORT: an address of their own; `off`; empty: `rest` where only this
    #: machine reaches the REST door, else off.
    listen: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """[log]: what the server prints to standard error."""

    #: `text` for people, `json` for programs.
    format: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warning", "error"] = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Traces:
    """[traces]: spans of calls and steps, for OpenTelemetry. Needs the extra `otel`."""

    #: A collector, OTLP over HTTP, such as http://127.0.0.1:4318/v1/traces; empty for none.
    endpoint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """[database]: where the journal is."""

    #: As SQLAlchemy writes it: sqlite, postgresql+psycopg or mariadb+pymysql.
    url: str = "sqlite:///fenix.sqlite"
    #: A database that has not answered for so long counts as away; a transaction left open ends after half of it.
    timeout_s: Annotated[float, Meta(ge=1, le=3600)] = 10.0
    #: Sessions that ended so many days ago are deleted with everything that belongs to them; 0 keeps them for ever.
    keep_days: Annotated[int, Meta(ge=0, le=36_500)] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """[cloud]: what is maintained."""

    kind: Literal["simulated", "openstack"] = "simulated"
    options: Mapping[str, Any] = field(default_factory=dict)


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
    #: Seconds one run may take; 0 for `timers.action_s`.
    timeout_s: Annotated[float, Meta(ge=0, le=_MOST)] = 0.0
    #: Times it is tried on a host before it counts as failed.
    attempts: Annotated[int, Meta(ge=1, le=100)] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Packages:
    """[packages]: what sessions may bring for their actions."""

    #: Where they are kept while their session lasts; empty: sessions may bring none.
    directory: str = ""
    #: A URL must begin with one of these, and so must wherever it redirects.
    allowed_urls: tuple[str, ...] = ()
    #: Networks that are not public and may be reached all the same, such as 10.0.0.0/8.
    private_networks: tuple[str, ...] = ()
    #: Certificates of servers are checked with this file; empty for those of the system.
    ca_file: str = ""
    #: Files with Ed25519 public keys: a package without a digest in the request must be signed by one of them.
    keys: tuple[str, ...] = ()
    #: Takes packages with neither digest nor signature.
    allow_unverified: bool = False
    #: Takes packages that bring actions of their own, if they are signed by one of the keys.
    plugins: bool = False
    max_mb: Annotated[int, Meta(ge=1)] = 1024
    max_unpacked_mb: Annotated[int, Meta(ge=1)] = 4096
    max_files: Annotated[int, Meta(ge=1)] = 100_000
    fetch_s: Seconds = 600.0


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
class Oslo:
    """[oslo]: notifications on the message bus of an OpenStack. See notify/oslo.py."""

    #: rabbit://USER:PASSWORD@HOST:PORT/VHOST; empty sends none.
    transport_url: str = ""
    topic: str = "notifications"
    exchange: str = "openstack"
    driver: Literal["messaging", "messagingv2"] = "messaging"
    #: Project that hosts' and sessions' notifications are addressed to; empty asks Keystone for that of `aodh.cloud`.
    admin_project_id: str = ""
    structured: bool = False
    tell_failures: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Aodh:
    """[aodh]: which projects listen by an alarm."""

    #: Entry of clouds.yaml with an administrator's credentials; empty asks nobody.
    cloud: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRules:
    """[webhooks]: where projects may have notices sent; nowhere by default."""

    #: A URL must begin with one of these.
    allowed_urls: tuple[str, ...] = ()
    #: Networks that are not public and may be reached all the same, such as 10.1.0.0/16.
    private_networks: tuple[str, ...] = ()
    #: Certificates of servers are checked with this file; empty for those of the system.
    ca_file: str = ""
    #: How long a manager may take to answer.
    answer_s: Seconds = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Notices:
    """[notices]: what holds for all ways out."""

    #: How long a notice that wants no reply is tried; one that does, until its reply is overdue.
    patience_s: Seconds = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All sections."""

    server: Server = Server()
    database: Database = Database()
    cloud: Cloud = Cloud()
    auth: Auth = Auth()
    tls: Tls = Tls()
    audit: AuditFile = AuditFile()
    projects: Projects = Projects()
    #: [timers]: times and limits of new sessions by the names of `Policy`; the rest of it is in [projects].
    timers: Policy = Policy()
    actions: Mapping[str, Action] = field(default_factory=dict)
    packages: Packages = Packages()
    workflows: Workflows = Workflows()
    engine: Engine = Engine()
    limits: Limits = Limits()
    metrics: Metrics = Metrics()
    log: Log = Log()
    traces: Traces = Traces()
    oslo: Oslo = Oslo()
    aodh: Aodh = Aodh()
    webhooks: WebhookRules = WebhookRules()
    notices: Notices = Notices()

    @property
    def public_url(self) -> str:
        """What links begin with; neither a slash nor `/v1` at its end."""
        scheme = "https" if self.tls.certificate else "http"
        base = self.server.public_url.rstrip("/") or f"{scheme}://{self.server.rest_listen}"
        return base.removesuffix("/v1")

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
        auth=_auth(data),
        tls=_section(data, "tls", Tls),
        audit=_section(data, "audit", AuditFile),
        projects=_section(data, "projects", Projects),
        timers=_timers(data),
        actions={name: _section(actions, name, Action, "actions.") for name in actions},
        packages=_section(data, "packages", Packages),
        workflows=_section(data, "workflows", Workflows),
        engine=_section(data, "engine", Engine),
        limits=_section(data, "limits", Limits),
        metrics=_section(data, "metrics", Metrics),
        log=_section(data, "log", Log),
        traces=_section(data, "traces", Traces),
        oslo=_section(data, "oslo", Oslo),
        aodh=_section(data, "aodh", Aodh),
        webhooks=_section(data, "webhooks", WebhookRules),
        notices=_section(data, "notices", Notices),
    )
    _check_doors(config)
    _check_public_url(config)
    if config.metrics.listen not in ("", "rest", "off"):
        address("metrics.listen", config.metrics.listen)
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
    """Both addresses can be read, and nobody gets in from outside without saying who it is, or is heard saying it."""
    server, tls, auth = config.server, config.tls, config.auth
    if bool(tls.certificate) != bool(tls.key) or (tls.client_ca and not tls.key):
        raise InvalidRequest("tls", "certificate and key belong together, client_ca to both")
    for name, listen in (("grpc_listen", server.grpc_listen), ("rest_listen", server.rest_listen)):
        host, _ = address(f"server.{name}", listen)
        if auth.allow_insecure or is_local(host):
            continue
        reached = f"{listen} can be reached from other machines, and "
        if "none" in auth.kind:
            raise InvalidRequest(
                f"server.{name}",
                f"{reached}auth.kind none lets everybody do everything: "
                "listen on 127.0.0.1, or set auth.allow_insecure = true if the network protects you",
            )
        if not tls.certificate:
            raise InvalidRequest(
                f"server.{name}",
                f"{reached}without [tls] everybody on the way can read the tokens: set tls.certificate and tls.key, "
                "or auth.allow_insecure = true if the network protects you",
            )


def _check_public_url(config: Config) -> None:
    """Links reach projects as traits of alarms, which have no room for long ones."""
    url = config.public_url
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", url) or len(url) > LONGEST_PUBLIC_URL:
        raise InvalidRequest(
            "server.public_url",
            f"expected http(s)://HOST[:PORT][/PATH] of at most {LONGEST_PUBLIC_URL} characters, not {url!r}",
        )


def is_local(host: str) -> bool:
    """Only this machine can reach it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _auth(data: Mapping[str, Any]) -> Auth:
    table = dict(_table(data, "auth", ""))
    said = table.pop("kind", "none")
    kinds = said if isinstance(said, list) else [said]
    for kind in kinds or [said]:
        if kind not in KINDS:
            expected = ", ".join(map(repr, KINDS))
            raise InvalidRequest("auth.kind", f"expected one of {expected}, not {kind!r}")
    if "none" in kinds and len(kinds) > 1:
        raise InvalidRequest("auth.kind", "none lets everybody in; the others have no meaning")
    parts = {name: table.pop(name) for name in KINDS if name in table}
    for name in parts:
        if name not in kinds:
            raise InvalidRequest(f"auth.{name}", f"has no effect: {name} is not in auth.kind")
    if "static" in kinds and "static" not in parts:
        raise InvalidRequest("auth.static", "kind static needs a file in [auth.static]")
    if "certificates" in kinds and not _table(data, "tls", "").get("client_ca"):
        raise InvalidRequest("tls.client_ca", "kind certificates needs it")
    auth = _section({"auth": table}, "auth", Auth)
    return replace(
        auth,
        kind=tuple(kinds),
        static=_section(parts, "static", Static, "auth.") if "static" in parts else None,
        keystone=_section(parts, "keystone", Keystone, "auth."),
        certificates=_certificates(parts),
    )


def _certificates(parts: Mapping[str, Any]) -> Certificates:
    certificates = _section(parts, "certificates", Certificates, "auth.")
    names = _table(_table(parts, "certificates", "auth."), "names", "auth.certificates.")
    for name, said in names.items():
        _refuse_strangers(said, {each.name for each in fields(Named)}, f"auth.certificates.{name}.")
        if (said["role"] == "project") != bool(said.get("project")):
            place = f"auth.certificates.names.{name}"
            raise InvalidRequest(place, "a project belongs to the role project, and to no other")
    return certificates


def _timers(data: Mapping[str, Any]) -> Policy:
    for name, value in _table(data, "timers", "").items():
        if name in ("no_manager", "silence"):
            raise InvalidRequest(f"timers.{name}", f"belongs to projects.{name}")
        least = 0 if name in ("failure_budget", "live_s", "check_s") else 1e-9
        if isinstance(value, int | float) and not least <= value <= _MOST:
            raise InvalidRequest(
                f"timers.{name}", f"expected a number above 0 and up to {_MOST}, not {value}"
            )
    timers = _section(data, "timers", Policy)
    if len(set(timers.failed_live)) < len(timers.failed_live):
        raise InvalidRequest("timers.failed_live", "expected each of its words once")
    if timers.fill_limit > 1:
        raise InvalidRequest("timers.fill_limit", f"expected at most 1, not {timers.fill_limit}")
    return timers


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
