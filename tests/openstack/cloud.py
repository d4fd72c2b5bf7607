"""A laboratory on the real cloud of tests/devcloud: projects with users of their own, servers, groups, faults.

It looks at Nova through the SDK's resource classes, which the driver does not use, and so can judge the driver. It
reads the devcloud's own clouds.yaml and none other: no cloud that somebody needs can be wiped by mistake.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from collections.abc import Callable
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from openstack import utils
from openstack.compute.v2.server import Server
from openstack.compute.v2.service import Service
from openstack.config import OpenStackConfig
from openstack.connection import Connection
from openstack.exceptions import NotFoundException

STATE_DIR = Path(os.environ.get("STATE_DIR", "~/.cache/devcloud")).expanduser()
DEVCLOUD = Path(__file__).parent.parent / "devcloud"
#: Name of the administrator's entry in every clouds.yaml written here.
ADMIN = "devcloud"
#: What this laboratory makes in Keystone begins so.
_PREFIX = "lab-"
#: How many compute hosts tests find.
_USUAL = 6
#: Trait of a host that the scheduler avoids.
AVOIDED = "COMPUTE_STATUS_DISABLED"
_ENDED = ("completed", "confirmed", "error", "failed", "cancelled", "reverted", "done")


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project with one user, who is a plain member of it."""

    name: str
    project_id: str
    #: Its entry of clouds.yaml.
    entry: dict[str, Any]
    #: The user's own.
    connection: Connection
    #: The administrator's, within the project; may choose the host of a new server.
    admin: Connection


class Lab:
    """Makes things on the devcloud and unmakes them. There is one at a time; a second one is a BlockingIOError."""

    def __init__(self, state_dir: Path = STATE_DIR) -> None:
        self.clouds_yaml = state_dir / "etc" / "clouds.yaml"
        #: Of the message bus, as ceilometer has it.
        self.transport_url = _transport_url(state_dir / "etc" / "ceilometer" / "ceilometer.conf")
        self._state_dir = state_dir
        self._lock = (state_dir / "lab.lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._entry = yaml.safe_load(self.clouds_yaml.read_text())["clouds"][ADMIN]
        self._projects: dict[str, Project] = {}
        self.admin = _connection(self._entry)
        self._image = self.admin.image.find_image("tiny", ignore_missing=False)
        self._network = self.admin.network.find_network("shared", ignore_missing=False)

    def connect_as_admin(self) -> Connection:
        """A connection of its own."""
        return _connection(self._entry)

    def project(self, name: str) -> Project:
        """The project of this name, made when it is not there."""
        if name not in self._projects:
            self._projects[name] = self._make_project(name)
        return self._projects[name]

    def group(self, project: Project, name: str, *, max_per_host: int = 1) -> str:
        """A new anti-affinity group; returns its id."""
        rules = {"max_server_per_host": max_per_host}
        group = project.connection.compute.create_server_group(
            name=name, policy="anti-affinity", rules=rules
        )
        return str(group.id)

    def boot(
        self,
        project: Project,
        name: str,
        *,
        count: int = 1,
        flavor: str = "small",
        group: str = "",
        host: str = "",
    ) -> list[Server]:
        """New servers that run, named NAME-1, NAME-2, ... (just NAME for one): on `host`, or where Nova likes."""
        compute = (project.admin if host else project.connection).compute
        hints = {"scheduler_hints": {"group": group}} if group else {}
        where = {"host": host} if host else {}
        first = compute.create_server(
            name=name,
            flavor_id=compute.find_flavor(flavor, ignore_missing=False).id,
            image_id=self._image.id,
            networks=[{"uuid": self._network.id}],
            # one request for all: single ones race for the hosts of a group
            min_count=count,
            **hints,
            **where,
        )
        reservation = self.admin.compute.get_server(first.id).reservation_id
        servers = list(
            self.admin.compute.servers(all_projects=True, reservation_id=reservation, details=False)
        )
        assert len(servers) == count, servers
        return [self._running(server) for server in sorted(servers, key=lambda row: str(row.name))]

    def start_on(
        self,
        project: Project,
        name: str,
        hosts: list[str],
        *,
        group: str = "",
        flavor: str = "medium",
    ) -> list[Server]:
        """A new server on each of these hosts, named NAME-1, NAME-2, ...; they may not run yet."""
        compute = project.admin.compute
        hints = {"scheduler_hints": {"group": group}} if group else {}
        flavor_id = compute.find_flavor(flavor, ignore_missing=False).id
        return [
            compute.create_server(
                name=f"{name}-{number}",
                flavor_id=flavor_id,
                image_id=self._image.id,
                networks=[{"uuid": self._network.id}],
                host=host,
                **hints,
            )
            for number, host in enumerate(hosts, 1)
        ]

    def force_on(self, project: Project, name: str, host: str, *, flavor: str = "small") -> Server:
        """A new server on a host though that is disabled: no filter is asked, and Placement knows nothing of it."""
        self.avoid(host, False)
        compute = project.admin.compute
        server = compute.create_server(
            name=name,
            flavor_id=compute.find_flavor(flavor, ignore_missing=False).id,
            image_id=self._image.id,
            networks=[{"uuid": self._network.id}],
            availability_zone=f"nova:{host}",
        )
        return self._running(server)

    def until_active(self, servers: list[Server]) -> None:
        """Waits for all of them to run."""
        for server in servers:
            self._running(server)

    def server(self, instance_id: str) -> Server | None:
        """As Nova shows it; None when it is gone."""
        try:
            return self.admin.compute.get_server(instance_id)
        except NotFoundException:
            return None

    def migrations(self, instance_id: str) -> list[dict[str, Any]]:
        """All migration records of a server, newest first."""
        answer = self.admin.compute.get(
            "/os-migrations", params={"instance_uuid": instance_id}, microversion="2.80"
        )
        rows: list[dict[str, Any]] = answer.json()["migrations"]
        return rows

    def actions(self, instance_id: str) -> list[str]:
        """What was asked of Nova for a server, newest first."""
        answer = self.admin.compute.get(f"/servers/{instance_id}/os-instance-actions")
        return [row["action"] for row in answer.json()["instanceActions"]]

    def open_migrations(self, instance_id: str) -> list[dict[str, Any]]:
        """Those that have not ended."""
        return [row for row in self.migrations(instance_id) if row["status"] not in _ENDED]

    def stop(self, instance_id: str) -> None:
        """Shuts a server down."""
        self.admin.compute.stop_server(instance_id)
        self.wait("the server to stop", lambda: self._status(instance_id) == "SHUTOFF")

    def delete(self, instance_id: str) -> None:
        """Deletes a server and waits until it is gone."""
        self.admin.compute.delete_server(instance_id)
        self.wait("the server to go", lambda: self.server(instance_id) is None)

    def hosts(self) -> list[str]:
        """The compute hosts by name."""
        return sorted(
            service.host for service in self.admin.compute.services(binary="nova-compute")
        )

    def service(self, host: str) -> Service:
        """The compute service of a host."""
        return next(self.admin.compute.services(binary="nova-compute", host=host))

    def disable(self, host: str, reason: str | None) -> None:
        """As an operator would, by hand, whether or not it is disabled already."""
        self.admin.compute.put(
            f"/os-services/{self.service(host).id}",
            json={"status": "disabled", **({"disabled_reason": reason} if reason else {})},
            microversion="2.53",
        )

    def avoided(self) -> list[str]:
        """Hosts that the scheduler avoids: for a minute also an enabled one whose nova-compute, just revived, has
        carried out an old order to disable it."""
        answer = self.admin.placement.get(
            "/resource_providers",
            params={"required": AVOIDED},
            microversion="1.18",
        )
        return sorted(row["name"] for row in answer.json()["resource_providers"])

    def avoid(self, host: str, yes: bool) -> None:
        """Has Placement tell the scheduler to avoid a host, or not to, whatever its service says."""
        path = f"/resource_providers/{self._node_id(host)}/traits"
        provider = self.admin.placement.get(path, microversion="1.6").json()
        others = [trait for trait in provider["traits"] if trait != AVOIDED]
        provider["traits"] = [*others, AVOIDED] if yes else others
        self.admin.placement.put(path, json=provider, microversion="1.6")

    def force_down(self, host: str, yes: bool) -> None:
        """Has Nova take a nova-compute for dead, or not."""
        path = f"/os-services/{self.service(host).id}"
        self.admin.compute.put(path, json={"forced_down": yes}, microversion="2.53")

    def other_host(self, *hosts: str) -> str:
        """A compute host that is none of these."""
        return next(host for host in self.hosts() if host not in hosts)

    def broken(self) -> list[Server]:
        """The servers that are in ERROR."""
        return list(self.admin.compute.servers(all_projects=True, status="ERROR"))

    def repair(self, instance_id: str) -> None:
        """Brings a broken server back, as fenix tells operators to."""
        self.admin.compute.reset_server_state(instance_id, "active")
        self.admin.compute.reboot_server(instance_id, "HARD")
        self.wait("the server to run", lambda: self._running_idle(instance_id))

    def used(self, host: str) -> dict[str, int]:
        """What Placement says is allocated on a host."""
        usages: dict[str, int] = self.admin.placement.get(
            f"/resource_providers/{self._node_id(host)}/usages"
        ).json()["usages"]
        return usages

    def faults(self, host: str, **faults: Any) -> None:
        """What goes wrong on a host from now on (see virt_devcloud.py); nothing without keywords."""
        path = self._state_dir / "data" / "nova" / host / "faults.json"
        path.write_text(json.dumps(faults))

    def grow(self, computes: int) -> None:
        """Adds compute hosts until there are so many."""
        environ = {**os.environ, "COMPUTES": str(computes)}
        subprocess.run([DEVCLOUD / "up.sh"], check=True, timeout=300, env=environ)

    def shrink(self) -> None:
        """Removes all compute hosts but the usual ones as if they had never been; they are to be empty."""
        more = self.hosts()[_USUAL:]
        for host in more:
            self.kill(host)
            self.admin.compute.delete_service(self.service(host))
        self.forget(*more)

    def forget(self, *hosts: str) -> None:
        """Of hosts that Nova has deleted, so that there can be new ones of these names: a nova-compute does not start
        with the identity of a deleted node, and Nova may take a deleted service for the host's own, which is down
        then (instance.services; docs/operate.md)."""
        self._ctl("forget", *hosts)

    def pause(self, host: str) -> None:
        """SIGSTOP for the nova-compute of a host: it hangs, and nobody is told."""
        self._ctl("pause", f"nova-compute.{host}")

    def resume(self, host: str) -> None:
        """SIGCONT for it."""
        self._ctl("resume", f"nova-compute.{host}")

    def kill(self, host: str) -> None:
        """SIGKILL for the nova-compute of a host. Nova notices after its service_down_time of 20 s."""
        self._ctl("kill", f"nova-compute.{host}")

    def revive(self, host: str) -> None:
        """Starts a killed nova-compute and waits until it has reported."""
        before = self.service(host).updated_at
        self._ctl("compute", host)
        self.wait(f"{host} to report", lambda: self.service(host).updated_at > before)
        self.wait(f"{host} to be up", lambda: self.service(host).state == "up")

    def silence(self, host: str) -> None:
        """The agents of Neutron on a host have not reported for years: here they report once and are taken at their
        word for weeks (see agents.py)."""
        database = ("mariadb", "--no-defaults", "-uroot", f"-S{self._state_dir}/data/mysql.sock")
        told = f"UPDATE agents SET heartbeat_timestamp = '2000-01-01' WHERE host = '{host}'"
        subprocess.run([*database, "neutron", "-e", told], check=True, timeout=30)

    def heed(self, host: str) -> None:
        """They report again."""
        self._ctl("compute", host)

    def stop_bus(self) -> None:
        """Stops RabbitMQ; with it goes everything that waits in it."""
        self._ctl("stop", "rabbitmq")

    def start(self) -> None:
        """Starts whatever does not run."""
        subprocess.run(
            [DEVCLOUD / "up.sh"], check=True, timeout=300, env={**os.environ, "TELEMETRY": "1"}
        )

    def write_clouds_yaml(self, path: Path) -> Path:
        """One entry per project, by its name, besides the administrator's."""
        clouds = {ADMIN: self._entry, **{name: p.entry for name, p in self._projects.items()}}
        path.write_text(yaml.safe_dump({"clouds": clouds}))
        return path

    def wait(self, what: str, condition: Callable[[], object], timeout_s: int = 90) -> None:
        """Until the condition holds."""
        for _ in utils.iterate_timeout(timeout_s, f"waited {timeout_s} s for {what}", wait=0.3):
            if condition():
                return

    def wipe(self) -> None:
        """Leaves healthy, enabled, empty hosts. Projects stay: making them takes longer than many a test."""
        for host in self.hosts():
            self.faults(host)
            if not (self._state_dir / "run" / f"nova-compute.{host}.pid").exists():
                self.revive(host)
        self._wipe_servers()
        for service in self.admin.compute.services(binary="nova-compute"):
            if service.is_forced_down:
                self.force_down(service.host, False)
            if service.status != "enabled":
                self.admin.compute.enable_service(service)
        self.wait("Placement to see all hosts enabled", lambda: not self.avoided())
        for group in self.admin.compute.server_groups(all_projects=True):
            self.admin.compute.delete_server_group(group)

    def raze(self) -> None:
        """Wipes, and removes the projects of this laboratory, whoever made them."""
        self.wipe()
        identity = self.admin.identity
        for user in identity.users():
            if user.name.startswith(_PREFIX):
                identity.delete_user(user)
        for project in identity.projects():
            if project.name.startswith(_PREFIX):
                identity.delete_project(project)
        for known in self._projects.values():
            _close(known.connection)
            _close(known.admin)
        self._projects.clear()

    def close(self) -> None:
        """Leaves nothing behind and closes the connections."""
        self.raze()
        _close(self.admin)
        self._lock.close()

    def _wipe_servers(self) -> None:
        def none_left() -> bool:
            servers = list(self.admin.compute.servers(all_projects=True, details=False))
            for server in servers:
                self.admin.compute.delete_server(server)
            return not servers

        self.wait("all servers to go", none_left)
        for node in self.admin.compute.hypervisors(details=False):
            # Nova forgets some when a server is deleted on its way.
            path = f"/resource_providers/{node.id}/allocations"
            for consumer in self.admin.placement.get(path).json()["allocations"]:
                self.admin.placement.delete(f"/allocations/{consumer}")

    def _make_project(self, name: str) -> Project:
        identity = self.admin.identity
        password = self._entry["auth"]["password"]
        project = identity.create_project(name=_PREFIX + name, domain_id="default")
        user = identity.create_user(
            name=_PREFIX + name, password=password, domain_id="default", default_project=project.id
        )
        member = identity.find_role("member", ignore_missing=False)
        admin = identity.find_role("admin", ignore_missing=False)
        identity.assign_project_role_to_user(project, user, member)
        identity.assign_project_role_to_user(project, identity.find_user("admin"), admin)
        as_admin = {**self._entry["auth"], "project_name": _PREFIX + name}
        entry = {**self._entry, "auth": {**as_admin, "username": _PREFIX + name}}
        return Project(
            name=name,
            project_id=project.id,
            entry=entry,
            connection=_connection(entry),
            admin=_connection({**self._entry, "auth": as_admin}),
        )

    def _running(self, server: Server) -> Server:
        running = self.admin.compute.wait_for_server(server, interval=0.5)
        return self.admin.compute.get_server(running.id)

    def _status(self, instance_id: str) -> str:
        server = self.server(instance_id)
        return str(server.status) if server else ""

    def _node_id(self, host: str) -> str:
        # without the details, for which Nova would ask the host itself
        nodes = self.admin.compute.hypervisors(details=False)
        return next(str(node.id) for node in nodes if node.name == host)

    def _running_idle(self, instance_id: str) -> bool:
        server = self.server(instance_id)
        return server is not None and server.status == "ACTIVE" and not server.task_state

    def _ctl(self, *words: str) -> None:
        subprocess.run([DEVCLOUD / "ctl.sh", *words], check=True, timeout=120)


def _transport_url(file: Path) -> str:
    config = ConfigParser(strict=False)
    config.read(file)
    return config["DEFAULT"]["transport_url"]


def _connection(entry: dict[str, Any]) -> Connection:
    region = OpenStackConfig(load_yaml_config=False, load_envvars=False).get_one(**entry)
    return Connection(config=region)


def _close(connection: Connection) -> None:
    connection.session.session.close()
