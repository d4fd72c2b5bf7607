"""The simulated cloud's memory: one SQLite database that any number of processes may open at once.

A real cloud goes on while the server that uses it is killed and started again; so must this one. Hence nothing of it is
kept in a process: a move in flight is a row with the time of its end, completed by whoever looks next. Without a path
the database is in memory and belongs to one process. Only rows live here; what may happen is decided in compute.py.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from fenix_grpc.clouds.simulated.rows import (
    ADD_TROUBLE,
    DISTURBANCES,
    HOST,
    INSTANCE,
    SCHEMA,
    Operation,
    Work,
    from_us,
    host_view,
    instance_view,
    work_of,
)
from fenix_grpc.core.errors import CloudError, CloudUnavailable, InvalidRequest
from fenix_grpc.core.model import GroupView, HostView, InstanceView, Inventory, Resources


class State:
    """The rows. Every call is short and must be made inside `transaction`."""

    def __init__(self, path: str = "") -> None:
        """`path` of its file; without one it is in memory. Raises InvalidRequest when the file cannot be used."""
        try:
            self._db = sqlite3.connect(path or ":memory:", timeout=10.0, isolation_level=None)
            # What was committed outlives a killed process without any fsync; only a power cut could take it.
            self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;")
        except sqlite3.Error as err:
            raise InvalidRequest("state", f"{path} cannot be used: {err}") from err
        self._seen: tuple[object, ...] = ()
        self._elsewhere: object = None
        self._inventory = Inventory()
        self._instances: dict[str, InstanceView] = {}
        #: Instances that were written here since the last inventory.
        self._touched: set[str] = set()

    def close(self) -> None:
        """Closes the database; nothing may be called afterwards."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, alone among all processes. A CloudError is an answer: what was written before it stays."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except CloudError:
                self._db.execute("COMMIT")
                raise
            self._db.execute("COMMIT")
        except sqlite3.OperationalError as err:
            raise CloudUnavailable(
                f"the state of the simulated cloud cannot be had: {err}"
            ) from err
        finally:
            if self._db.in_transaction:
                with suppress(sqlite3.OperationalError):  # SQLite has done so itself
                    self._db.execute("ROLLBACK")

    def create(self, meta: dict[str, str]) -> bool:
        """Makes the tables and keeps `meta`; False when that was done before."""
        self._db.execute(DISTURBANCES)
        if self._db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'meta'").fetchone():
            columns = self._db.execute("SELECT name FROM pragma_table_info('host')").fetchall()
            if ("trouble",) not in columns:
                self._db.execute(ADD_TROUBLE)
            return False
        for statement in SCHEMA.split(";"):
            self._db.execute(statement)
        self._db.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
        return True

    def meta(self, key: str) -> str:
        """What `create` kept."""
        return str(self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()[0])

    def inventory(self) -> Inventory:
        """Everything, in order of creation. The same object again while nothing changed."""
        (elsewhere,) = self._db.execute("PRAGMA data_version").fetchone()
        seen = (elsewhere, self._db.total_changes)
        if seen != self._seen:
            hosts = self._db.execute(f"SELECT {HOST} FROM host ORDER BY number")
            groups = self._db.execute("SELECT group_id, name, max_per_host FROM placement_group")
            self._read_instances(everything=elsewhere != self._elsewhere)
            self._inventory = Inventory(
                hosts=tuple(map(host_view, hosts)),
                instances=tuple(self._instances.values()),
                groups=tuple(
                    GroupView(group_id=group_id, group_name=name, max_per_host=max_per_host)
                    for group_id, name, max_per_host in groups
                ),
            )
            self._seen, self._elsewhere = seen, elsewhere
        return self._inventory

    def _read_instances(self, *, everything: bool) -> None:
        """Of thousands of instances a few change between two looks; a new one is the last, as it was created last."""
        which, values = "", list[str]()
        if everything:
            self._instances = {}
        else:
            which = "WHERE instance_id IN (SELECT value FROM json_each(?))"
            values = [json.dumps(sorted(self._touched))]
        rows = self._db.execute(f"SELECT {INSTANCE} FROM instance {which} ORDER BY number", values)
        found = {view.instance_id: view for view in map(instance_view, rows)}
        self._instances.update(found)
        for instance_id in self._touched.difference(found):
            self._instances.pop(instance_id, None)
        self._touched.clear()

    # Hosts and groups

    def add_host(self, view: HostView) -> None:
        """A new host, empty."""
        size = (view.capacity.vcpus, view.capacity.memory_mb, view.capacity.disk_gb)
        self._db.execute(
            "INSERT INTO host VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(view.host, view.kind, *size, *size, view.enabled, view.disabled_reason, view.up),
                *(view.zone, "\n".join(view.aggregates), view.trouble),
            ),
        )

    def host(self, host: str) -> HostView | None:
        """One host."""
        row = self._db.execute(f"SELECT {HOST} FROM host WHERE host = ?", (host,)).fetchone()
        return host_view(row) if row else None

    def set_enabled(self, host: str, enabled: bool, disabled_reason: str) -> None:
        """Whether the scheduler may use it."""
        self._db.execute(
            "UPDATE host SET enabled = ?, disabled_reason = ? WHERE host = ?",
            (enabled, disabled_reason, host),
        )

    def remove_host(self, host: str) -> None:
        """It was never there."""
        self._db.execute("DELETE FROM host WHERE host = ?", (host,))

    def set_up(self, host: str, up: bool) -> None:
        """Whether its service reports."""
        self._db.execute("UPDATE host SET up = ? WHERE host = ?", (up, host))

    def set_trouble(self, host: str, trouble: str) -> None:
        """What else is wrong with it; empty when nothing is."""
        self._db.execute("UPDATE host SET trouble = ? WHERE host = ?", (trouble, host))

    def roomiest(self, size: Resources, group: GroupView | None, besides: str) -> str:
        """The host with most room that takes `size` and another member of `group`; empty when there is none. One that
        is to leave the host `besides` stays in its zone and aggregates."""
        row = self._db.execute(
            """SELECT host FROM host WHERE enabled = 1 AND up = 1 AND trouble = '' AND kind = 'COMPUTE' AND host <> ?
            AND (? = '' OR (zone, aggregates) IN (SELECT zone, aggregates FROM host WHERE host = ?))
            AND free_vcpus >= ? AND free_memory_mb >= ? AND free_disk_gb >= ?
            AND (? = '' OR ? > (SELECT count(*) FROM booking
                WHERE booking.group_id = ? AND booking.group_id <> '' AND booking.host = host.host))
            ORDER BY free_vcpus DESC, free_memory_mb DESC, number LIMIT 1""",
            (
                *(besides, besides, besides),
                *(size.vcpus, size.memory_mb, size.disk_gb),
                group.group_id if group else "",
                group.max_per_host if group else 0,
                group.group_id if group else "",
            ),
        ).fetchone()
        return str(row[0]) if row else ""

    def add_group(self, group: GroupView, project_id: str) -> None:
        """A new group, without members."""
        self._db.execute(
            "INSERT INTO placement_group VALUES (?, ?, ?, ?)",
            (group.group_id, group.group_name, project_id, group.max_per_host),
        )

    def group(self, group_id: str) -> GroupView | None:
        """One group."""
        return self._group("group_id = ?", group_id)

    def group_named(self, project_id: str, name: str) -> GroupView | None:
        """A project's group of that name."""
        return self._group("project_id = ? AND name = ?", project_id, name)

    def _group(self, where: str, *values: str) -> GroupView | None:
        for group_id, name, max_per_host in self._db.execute(
            f"SELECT group_id, name, max_per_host FROM placement_group WHERE {where}", values
        ):
            return GroupView(group_id=group_id, group_name=name, max_per_host=max_per_host)
        return None

    # Bookings: capacity held on a host; on both of them while an instance moves

    def book(self, instance: InstanceView, host: str) -> None:
        """Holds capacity for the instance."""
        self._db.execute(
            "INSERT INTO booking VALUES (?, ?, ?)",
            (instance.instance_id, host, "".join(instance.groups)),
        )
        self._add_free(host, instance.size, -1)

    def release(self, instance: InstanceView, host: str) -> None:
        """Gives it back."""
        self._db.execute(
            "DELETE FROM booking WHERE instance_id = ? AND host = ?", (instance.instance_id, host)
        )
        self._add_free(host, instance.size, +1)

    def release_evacuated(self, host: str) -> None:
        """Gives back what is held on a host for instances that are not there and do not come or go."""
        rows = self._db.execute(
            f"""SELECT {INSTANCE} FROM instance WHERE host <> ? AND instance_id IN
            (SELECT instance_id FROM booking WHERE host = ?)
            AND instance_id NOT IN (SELECT instance_id FROM work)""",
            (host, host),
        ).fetchall()
        for row in rows:
            self.release(instance_view(row), host)

    def members_on(self, host: str, group_id: str) -> int:
        """How many members of a group hold capacity on a host."""
        row = self._db.execute(
            "SELECT count(*) FROM booking WHERE group_id = ? AND group_id <> '' AND host = ?",
            (group_id, host),
        ).fetchone()
        return int(row[0])

    def _add_free(self, host: str, size: Resources, sign: int) -> None:
        self._db.execute(
            """UPDATE host SET free_vcpus = free_vcpus + ?, free_memory_mb = free_memory_mb + ?,
            free_disk_gb = free_disk_gb + ? WHERE host = ?""",
            (sign * size.vcpus, sign * size.memory_mb, sign * size.disk_gb, host),
        )

    # Instances

    def next_number(self) -> int:
        """A number that no instance has had."""
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'instance'").fetchone()
        return 1 + (int(row[0]) if row else 0)

    def add_instance(self, view: InstanceView, flavor: str) -> None:
        """A new instance on its host, holding capacity there."""
        self._touched.add(view.instance_id)
        self._db.execute(
            "INSERT INTO instance VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(view.instance_id, view.instance_name, view.project_id, view.host, flavor),
                *(view.size.vcpus, view.size.memory_mb, view.size.disk_gb),
                *(view.status, "".join(view.groups)),
            ),
        )
        self.book(view, view.host)

    def instance(self, instance_id: str) -> InstanceView | None:
        """One instance."""
        row = self._db.execute(
            f"SELECT {INSTANCE} FROM instance WHERE instance_id = ?", (instance_id,)
        ).fetchone()
        return instance_view(row) if row else None

    def instances_of(self, project_id: str) -> Iterator[tuple[InstanceView, str]]:
        """A project's instances, each with its flavor, in order of creation."""
        for row in self._db.execute(
            f"SELECT {INSTANCE}, flavor FROM instance WHERE project_id = ? ORDER BY number",
            (project_id,),
        ):
            yield instance_view(row), row[-1]

    def set_instance(self, instance_id: str, *, host: str, status: str) -> None:
        """Where it is and how."""
        self._touched.add(instance_id)
        self._db.execute(
            "UPDATE instance SET host = ?, status = ? WHERE instance_id = ?",
            (host, status, instance_id),
        )

    def remove_instance(self, instance: InstanceView) -> None:
        """Removes it with all it holds and all that goes on with it."""
        self._touched.add(instance.instance_id)
        booked = self._db.execute(
            "SELECT host FROM booking WHERE instance_id = ?", (instance.instance_id,)
        ).fetchall()
        for (host,) in booked:
            self.release(instance, host)
        self.remove_work(instance.instance_id)
        self._db.execute("DELETE FROM instance WHERE instance_id = ?", (instance.instance_id,))

    # Work: what goes on with an instance

    def add_work(self, work: Work) -> None:
        """Begins it, in the place of what went on before."""
        self._db.execute(
            "INSERT OR REPLACE INTO work VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(work.instance_id, work.verb, work.source, work.target),
                *(work.resume_status, work.failure, work.ends_us, work.unconfirmed),
            ),
        )

    def work(self, instance_id: str) -> Work | None:
        """What goes on with an instance."""
        return next(self._works("instance_id = ?", instance_id), None)

    def due(self, now_us: int) -> list[Work]:
        """What has come to its end by now, in order."""
        return list(
            self._works("unconfirmed = 0 AND ends_us <= ? ORDER BY ends_us, instance_id", now_us)
        )

    def stuck(self, after_us: int) -> list[Work]:
        """What does not end before that."""
        return list(self._works("ends_us > ?", after_us))

    def remove_work(self, instance_id: str) -> None:
        """Ends it."""
        self._db.execute("DELETE FROM work WHERE instance_id = ?", (instance_id,))

    def _works(self, where: str, value: str | int) -> Iterator[Work]:
        for row in self._db.execute(f"SELECT * FROM work WHERE {where}", (value,)):
            yield work_of(row)

    # Record

    def count_fault(self, number: int) -> int:
        """How many operations a fault has fitted, with this one."""
        row = self._db.execute(
            """INSERT INTO fault VALUES (?, 1)
            ON CONFLICT (number) DO UPDATE SET seen = seen + 1 RETURNING seen""",
            (number,),
        ).fetchone()
        return int(row[0])

    def add_disturbance(self, began_us: int, fault: str) -> None:
        """A fault, as JSON, that may strike from then on."""
        self._db.execute("INSERT INTO disturbance VALUES (NULL, ?, ?)", (began_us, fault))

    def disturbances(self) -> list[tuple[int, int, str]]:
        """All of them, in order: number, beginning, fault."""
        return self._db.execute("SELECT * FROM disturbance ORDER BY number").fetchall()

    def log(
        self,
        at_us: int,
        verb: str,
        subject: str,
        *,
        host: str = "",
        target: str = "",
        detail: str = "",
    ) -> None:
        """Records an operation."""
        self._db.execute(
            "INSERT INTO log VALUES (NULL, ?, ?, ?, ?, ?, ?)",
            (at_us, verb, subject, host, target, detail),
        )

    def began_us(self, subject: str, verb: str) -> int:
        """When a verb was last recorded of a subject; -1 for never."""
        row = self._db.execute(
            "SELECT at_us FROM log WHERE verb = ? AND subject = ? ORDER BY number DESC LIMIT 1",
            (verb, subject),
        ).fetchone()
        return int(row[0]) if row else -1

    def operations(self, after: int) -> Iterator[Operation]:
        """The record past a number, in order."""
        for number, at_us, verb, subject, host, target, detail in self._db.execute(
            "SELECT * FROM log WHERE number > ? ORDER BY number", (after,)
        ):
            yield Operation(
                number=number,
                at=from_us(at_us),
                verb=verb,
                subject=subject,
                host=host,
                target=target,
                detail=detail,
            )
