"""Reads a fenix.conf of OpenStack Fenix and writes a fenix.toml that means the same, as far as that can be said.

Nothing is lost without a word: what has no counterpart, or needs a person, becomes a note. The result is read back by
the configuration's own reader before it is handed out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from configparser import ConfigParser, Error
from dataclasses import dataclass, field

from fenix_grpc.config import is_local, parse
from fenix_grpc.core.errors import InvalidRequest

#: What oslo.messaging and oslo.db accept, and what SQLAlchemy is told here.
_DRIVERS = {
    "mysql": "mariadb+pymysql",
    "mysql+pymysql": "mariadb+pymysql",
    "mariadb": "mariadb+pymysql",
    "mariadb+pymysql": "mariadb+pymysql",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg2": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
    "sqlite": "sqlite",
}
#: Options that have no counterpart, and why.
_GONE = {
    ("DEFAULT", "api_config"): "API and engine are one process with one file",
    (
        "DEFAULT",
        "local_cache_dir",
    ): "set where packages are kept in fenix.toml when sessions download any",
    ("engine", "rpc_topic"): "there is no bus between API and engine",
    ("engine", "host"): "there is no bus between API and engine",
    ("engine", "wait_project_reply"): "it was never used",
}
#: Names of clouds.yaml by those of [service_user] and of [DEFAULT].
_CREDENTIALS = {
    ("service_user", "os_auth_url"): "auth_url",
    ("service_user", "os_username"): "username",
    ("service_user", "os_password"): "password",
    ("service_user", "os_user_domain_name"): "user_domain_name",
    ("service_user", "os_project_name"): "project_name",
    ("service_user", "os_project_domain_name"): "project_domain_name",
    ("DEFAULT", "workflow_user"): "username",
    ("DEFAULT", "workflow_password"): "password",
    ("DEFAULT", "workflow_project"): "project_name",
}
_CLOUD = "fenix"


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrated:
    """What came of an old file."""

    #: The new configuration.
    toml: str
    #: An entry for clouds.yaml; empty when the old file has no credentials.
    clouds_yaml: str = ""
    #: What a person should know or do.
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Old:
    """The old file, read option by option."""

    values: Mapping[tuple[str, str], str]
    read: set[tuple[str, str]] = field(default_factory=set)

    def get(self, section: str, option: str, default: str = "") -> str:
        self.read.add((section, option))
        return self.values.get((section, option), default)


def migrate(text: str) -> Migrated:
    """Raises InvalidRequest for a text that is no such file, or that has a value nobody can mean."""
    old = _Old(_values(text))
    notes: list[str] = []
    sections = {
        "server": _server(old, notes),
        "database": _database(old, notes),
        "cloud": {"kind": '"openstack"', "options": f'{{ cloud = "{_CLOUD}" }}'},
        "timers": _timers(old),
        "oslo": _oslo(old, notes),
        "aodh": {"cloud": f'"{_CLOUD}"'},
    }
    clouds_yaml = _clouds_yaml(old, notes)
    toml = "\n".join(_section(name, lines) for name, lines in sections.items() if lines)
    toml += '\n# Every plug-in that sessions name must be here.\n[actions.dummy]\nkind = "dummy"\n'
    parse(toml)
    return Migrated(toml=toml, clouds_yaml=clouds_yaml, notes=(*notes, *_left(old)))


def _values(text: str) -> Mapping[tuple[str, str], str]:
    reader = ConfigParser(strict=False, interpolation=None, default_section="")
    try:
        reader.read_string(text)
    except Error as err:
        raise InvalidRequest("fenix.conf", str(err).replace("\n", " ")) from err
    return {
        (section, option): value.strip()
        for section in reader.sections()
        for option, value in reader.items(section)
    }


def _server(old: _Old, notes: list[str]) -> dict[str, str]:
    host = old.get("DEFAULT", "host", "127.0.0.1")
    port = _number(old, "DEFAULT", "port", 5000, int)
    listen = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if is_local(host):
        return {"rest_listen": _quoted(listen)}
    notes.append(
        f"server.rest_listen: {listen} can be reached from other machines; configure [auth] first, "
        "until then only this machine can call. Links begin with server.public_url as before"
    )
    return {
        "rest_listen": _quoted(f"127.0.0.1:{port}"),
        "public_url": _quoted(f"http://{listen}"),
    }


def _database(old: _Old, notes: list[str]) -> dict[str, str]:
    url = old.get("database", "connection")
    if not url:
        return {}
    driver, separator, rest = url.partition("://")
    if driver not in _DRIVERS or not separator:
        notes.append(f"database.connection: {driver} is not known here; set database.url yourself")
        return {}
    notes.append("database.url: use a new, empty database; sessions are not carried over")
    place, _, _ = rest.partition("?")
    return {"url": _quoted(f"{_DRIVERS[driver]}://{place}")}


def _timers(old: _Old) -> dict[str, str]:
    found = {
        "reply_s": _number(old, "DEFAULT", "project_maintenance_reply", None, float),
        "scale_reply_s": _number(old, "DEFAULT", "project_scale_in_reply", None, float),
        "move_s": _number(old, "DEFAULT", "live_migration_wait_time", None, float),
        "move_attempts": _number(old, "DEFAULT", "live_migration_retries", None, int),
    }
    return {name: str(value) for name, value in found.items() if value is not None}


def _oslo(old: _Old, notes: list[str]) -> dict[str, str]:
    url = old.get("oslo_messaging_notifications", "transport_url") or old.get(
        "DEFAULT", "transport_url"
    )
    old.get("DEFAULT", "transport_url")
    if not url:
        notes.append("oslo.transport_url: set it, or no alarm will ever fire")
        return {}
    chosen = {"transport_url": _quoted(url)}
    topics = old.get("oslo_messaging_notifications", "topics")
    if topics:
        chosen["topic"] = _quoted(topics.split(",")[0].strip())
    driver = old.get("oslo_messaging_notifications", "driver")
    if driver in ("messaging", "messagingv2"):
        chosen["driver"] = _quoted(driver)
    exchange = old.get("DEFAULT", "control_exchange")
    return {**chosen, **({"exchange": _quoted(exchange)} if exchange else {})}


def _clouds_yaml(old: _Old, notes: list[str]) -> str:
    auth: dict[str, str] = {}
    for (section, option), name in _CREDENTIALS.items():
        value = old.get(section, option)
        if value:
            auth.setdefault(name, value)
    if not auth:
        notes.append(f"clouds.yaml: make an entry {_CLOUD} with an administrator's credentials")
        return ""
    for name in ("user_domain_name", "project_domain_name"):
        auth.setdefault(name, "Default")
    if "auth_url" not in auth:
        notes.append("clouds.yaml: add auth_url, which the old file took from OS_AUTH_URL")
    lines = [f"      {name}: {_quoted(value)}" for name, value in auth.items()]
    return "\n".join(["clouds:", f"  {_CLOUD}:", "    auth:", *lines, ""])


def _left(old: _Old) -> list[str]:
    """What nobody has read."""
    notes = []
    for section, option in sorted(old.values.keys() - old.read):
        if section == "keystone_authtoken":
            continue
        why = _GONE.get((section, option), "has no counterpart")
        notes.append(f"[{section}] {option}: {why}")
    if any(section == "keystone_authtoken" for section, _ in old.values):
        notes.append("[keystone_authtoken]: who may call is configured in [auth]; see docs/run.md")
    return notes


def _number(
    old: _Old,
    section: str,
    option: str,
    default: float | None,
    kind: Callable[[str], float],
) -> float | None:
    said = old.get(section, option)
    if not said:
        return default
    try:
        return kind(said)
    except ValueError as err:
        raise InvalidRequest(f"[{section}] {option}", f"{said!r} is not a number") from err


def _section(name: str, lines: Mapping[str, str]) -> str:
    return "\n".join([f"[{name}]", *(f"{key} = {value}" for key, value in lines.items()), ""])


def _quoted(text: str) -> str:
    """As TOML and YAML both read it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
