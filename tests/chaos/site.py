"""What a run of chaos happens to: some servers on one database, each over a cable of its own, and a simulated cloud."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from fenix_client import Client, connect

from fenix_grpc.clock import SystemClock
from fenix_grpc.clouds.simulated import SimulatedCloud
from tests.databases import SHARED, far_server, new_database
from tests.databases.cable import Cable, cable_to
from tests.databases.network import Wire, why_not
from tests.databases.servers import DatabaseServer
from tests.processes.servers import ServerProcess

HOSTS = tuple(f"c{n}" for n in range(1, 10))
MANAGED = ("red", "blue")
LEASE_S = 3.0
#: A database that has not answered for so long counts as away.
TIMEOUT_S = 2.0
WORK_S = 0.2

CLOUD = """
seed = 3
durations = {live_migrate = 0.2, cold_migrate = 0.3, disable = 0.02, enable = 0.02, boot = 0.1, jitter = 0.5}
flavors.m = {vcpus = 2, memory_mb = 4096, disk_gb = 20}
[[hosts]]
name = "c{n}"
count = 9
vcpus = 8
memory_mb = 32768
disk_gb = 200
[[projects]]
id = "red"
[[projects.groups]]
name = "ha"
[[projects.instances]]
name = "ha-{n}"
count = 3
flavor = "m"
group = "ha"
[[projects.instances]]
name = "r-{n}"
count = 4
flavor = "m"
[[projects]]
id = "blue"
[[projects.instances]]
name = "b-{n}"
count = 4
flavor = "m"
[[projects]]
id = "nobody"
[[projects.instances]]
name = "n-{n}"
count = 4
flavor = "m"
"""

#: Both actions leave a file behind whenever they are performed. Only `patch` may be run again when it was interrupted.
MORE = """
[timers]
poll_s = 0.2
retry_wait_s = 0.3
reply_s = 300.0
scale_reply_s = 300.0
own_action_s = 300.0
[projects]
managed = ["red", "blue"]
[engine]
lease_s = {lease_s}
[actions.patch]
kind = "command"
options = {{ command = ["sh", "-c", "{command}"], idempotent = true }}
[actions.flash]
kind = "command"
options = {{ command = ["sh", "-c", "{command}"] }}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Everything of one run."""

    kind: str
    directory: Path
    #: Leads to the database without any cable.
    url: str
    #: None for SQLite, which has none.
    database: DatabaseServer | None
    #: One for each server but the last, which has none; none for SQLite.
    cables: tuple[Cable, ...]
    #: To the network that the database is in; None for SQLite, and where no network can be made.
    wire: Wire | None
    servers: tuple[ServerProcess, ...]
    cloud: SimulatedCloud

    def client(self, first: int = 0) -> Client:
        """Of all servers: it stays with one as long as that answers, and tries them in order from `first`."""
        turned = [*self.servers[first:], *self.servers[:first]]
        return connect("ipv4:" + ",".join(server.grpc for server in turned))

    @property
    def performed(self) -> Path:
        """Where actions leave their files, named SESSION.HOST.SOMETHING."""
        return self.directory / "performed"

    def is_cloud_free(self) -> bool:
        """Nobody writes to the file of the simulated cloud at this moment."""
        connection = sqlite3.connect(self.directory / "cloud.sqlite", timeout=0.5)
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError:
            return False
        finally:
            connection.close()
        return True


async def pause(seconds: float) -> None:
    """Lets real time pass."""
    clock = SystemClock()
    await clock.sleep_until(clock.now() + timedelta(seconds=seconds))


@asynccontextmanager
async def a_site(kind: str, directory: Path, servers: int) -> AsyncIterator[Site]:
    """All servers run; whatever is left of them afterwards is killed."""
    (directory / "performed").mkdir()
    command = (
        f"mktemp -q {directory}/performed/$FENIX_SESSION_ID.$FENIX_HOST.XXXXXX && sleep {WORK_S}"
    )
    more = MORE.format(lease_s=LEASE_S, command=command)
    async with AsyncExitStack() as ends:
        wire = Wire() if kind in SHARED and not why_not() else None
        if wire:
            ends.callback(wire.remove)
        database = far_server(kind, wire) if kind in SHARED else None
        if database:
            ends.callback(database.remove)
            database.start()
        url = database.new_database() if database else new_database(kind, directory)
        cables: list[Cable] = []
        made: list[ServerProcess] = []
        for number in range(servers):
            reached = url
            if kind in SHARED and number < servers - 1:
                reached, cable = await ends.enter_async_context(cable_to(url))
                cables.append(cable)
            server = ServerProcess.simulated(
                directory, CLOUD, more, database=reached, timeout_s=TIMEOUT_S, name=f"s{number}"
            )
            ends.push_async_callback(server.kill)
            await server.start()
            made.append(server)
        cloud = made[0].open_cloud()
        ends.push_async_callback(cloud.aclose)
        yield Site(
            kind=kind,
            directory=directory,
            url=url,
            database=database,
            cables=tuple(cables),
            wire=wire,
            servers=tuple(made),
            cloud=cloud,
        )
