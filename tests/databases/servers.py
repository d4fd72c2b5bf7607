"""Real database servers for tests: made in a temporary directory, reached over loopback only, durable (fsync on).

They run as a user without rights when the tests are root's, because PostgreSQL refuses root. A server can be stopped,
killed, frozen and started again on what it has kept.
"""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from select import select
from uuid import uuid4

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from fenix_grpc.cli.processes import free_ports
from tests.databases.network import Wire

#: A place for what is measured: where temporary files go may be memory that needs no flush.
ON_DISK = Path("/var/tmp")
_NOBODY = "nobody"
#: By a program, as Popen would fork for it, which gRPC in this process does not bear.
_UNPRIVILEGED = ("setpriv", f"--reuid={_NOBODY}", "--regid=nogroup", "--clear-groups")
_START_S = 60.0
_LOOK_S = 0.05


class Missing(Exception):
    """A program is not installed; the text says which, and how it is."""


class DatabaseServer(ABC):
    """One server with any number of databases."""

    #: What the driver calls it.
    kind: str

    def __init__(self, parent: Path | None = None, wire: Wire | None = None) -> None:
        """Makes the files of a new server, in `parent` or where temporary files go; it runs here, or at the other end
        of the `wire`. Raises Missing."""
        self.wire = wire
        #: More for its environment.
        self.environ: Mapping[str, str] = {}
        self.address = wire.address if wire else "127.0.0.1"
        self.directory = Path(tempfile.mkdtemp(prefix=f"fenix-{self.kind}-", dir=parent))
        if os.getuid() == 0:
            shutil.chown(self.directory, _NOBODY)
        (self.port,) = free_ports(1)
        self.user = _NOBODY if os.getuid() == 0 else getpass.getuser()
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self.create()
        except BaseException:
            self.remove()
            raise

    @abstractmethod
    def create(self) -> None:
        """Makes its files."""

    @abstractmethod
    def command(self) -> Sequence[str]:
        """What runs in the foreground."""

    @abstractmethod
    def url(self, database: str = "", driver: bool = True) -> str:
        """Of one of its databases; without a name of the one that is always there."""

    def start(self) -> None:
        """Returns when it answers."""
        with (self.directory / "log").open("ab") as log:
            self._process = self._spawn(self.command(), log)
        engine = self.engine()
        for _ in range(int(_START_S / _LOOK_S)):
            try:
                engine.connect().close()
                return
            except DBAPIError as err:
                problem = err
            try:
                code = self._process.wait(_LOOK_S)
            except subprocess.TimeoutExpired:
                continue
            raise AssertionError(f"{self.kind} ended with {code}: {self._log()}")
        raise AssertionError(f"{self.kind} does not answer: {problem}\n{self._log()}")

    def stop(self) -> None:
        """As its operator would, at once."""
        self._end(signal.SIGINT if self.kind == "postgresql" else signal.SIGTERM)

    def kill(self) -> None:
        """As a power cut would."""
        self._end(signal.SIGKILL)

    def remove(self) -> None:
        """Stops it and takes its files away."""
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def new_database(self) -> str:
        """The url of an empty one."""
        name = f"fenix_{uuid4().hex[:12]}"
        engine = self.engine()
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        return self.url(name)

    def engine(self) -> Engine:
        """For statements about the server itself."""
        return create_engine(self.url(), isolation_level="AUTOCOMMIT", poolclass=NullPool)

    def run(self, *command: str) -> None:
        """One of the server's own programs, to its end."""
        with (self.directory / "log").open("ab") as log:
            code = self._spawn(command, log).wait()
        assert code == 0, f"{command[0]} ended with {code}: {self._log()}"

    def _spawn(self, command: Sequence[str], log: object) -> subprocess.Popen[bytes]:
        if os.getuid() == 0:
            command = (*_UNPRIVILEGED, *command)
        if self.wire:  # only root enters there
            command = self.wire.there(command)
        return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=self.directory,
            env={
                "PATH": os.environ["PATH"],
                "LC_ALL": "C.UTF-8",
                **dict.fromkeys(("HOME", "TMPDIR"), str(self.directory)),
                **self.environ,
            },
            start_new_session=True,
        )

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if number != signal.SIGKILL:
            process.send_signal(number)
            process.wait()
            return
        with suppress(ProcessLookupError, FileNotFoundError):  # it has ended by itself
            process.send_signal(signal.SIGSTOP)  # nobody is started any more
            # Backends of PostgreSQL are groups of their own, and hold its memory for as long as they live.
            for child in _children(process.pid):
                _kill(child)
            os.killpg(process.pid, number)
        process.wait()

    def freeze(self) -> None:
        """It neither answers nor closes anything."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        assert self._process is not None
        for pid in [self._process.pid, *_children(self._process.pid)]:
            os.kill(pid, number)

    def _log(self) -> str:
        return (self.directory / "log").read_text(errors="replace")[-3000:]


class PostgresServer(DatabaseServer):
    """PostgreSQL."""

    kind = "postgresql"

    def create(self) -> None:
        folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
        self._initdb = _program("initdb", "postgresql", *folders)
        self._postgres = _program("postgres", "postgresql", *folders)
        self.run(
            *(self._initdb, "-D", "data", "-U", "fenix", "--auth=trust", "-E", "UTF8"),
            *("--locale=C.UTF-8", "--no-instructions"),
        )
        with (self.directory / "data" / "pg_hba.conf").open("a") as rules:
            rules.write("host all all samenet trust\n")

    def command(self) -> Sequence[str]:
        settings = {
            "listen_addresses": self.address,
            "unix_socket_directories": str(self.directory),
            "port": str(self.port),
            "fsync": "on",
            "shared_buffers": "32MB",
            "max_connections": "300",
        }
        return [
            *(self._postgres, "-D", "data"),
            *(word for name, value in settings.items() for word in ("-c", f"{name}={value}")),
        ]

    def url(self, database: str = "", driver: bool = True) -> str:
        scheme = "postgresql+psycopg" if driver else "postgresql"
        return f"{scheme}://fenix@{self.address}:{self.port}/{database or 'postgres'}"


class MariadbServer(DatabaseServer):
    """MariaDB; given `galera`, a node of a cluster (its first one when it names no other)."""

    kind = "mariadb"

    def create(self) -> None:
        places = (Path("/usr/sbin"), Path("/usr/libexec"), Path("/usr/bin"))
        self._mariadbd = _program("mariadbd", "mariadb-server", *places)
        install = _program("mariadb-install-db", "mariadb-server", *places)
        self.run(
            *(install, "--no-defaults", f"--datadir={self.directory}/data", "--skip-test-db"),
            "--auth-root-authentication-method=normal",
        )
        # Of its own only root of this very host may come in.
        grant = (
            "CREATE USER IF NOT EXISTS root@'%';\nGRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;\n"
        )
        (self.directory / "init.sql").write_text(grant)

    def command(self) -> Sequence[str]:
        return [
            *(self._mariadbd, "--no-defaults", f"--datadir={self.directory}/data"),
            *(f"--socket={self.directory}/socket", f"--pid-file={self.directory}/pid"),
            *(f"--bind-address={self.address}", f"--port={self.port}"),
            *((f"--init-file={self.directory}/init.sql",) if self.wire else ()),
            *("--innodb-flush-log-at-trx-commit=1", "--innodb-buffer-pool-size=32M"),
            *("--max-connections=300", "--skip-name-resolve"),
        ]

    def url(self, database: str = "", driver: bool = True) -> str:
        return f"mariadb+pymysql://root@{self.address}:{self.port}/{database or 'mysql'}"


class GaleraNode(MariadbServer):
    """A node of a Galera cluster."""

    def __init__(self, first: GaleraNode | None = None) -> None:
        """Joins the cluster of `first`, or begins one."""
        self._provider = _galera()
        self.cluster_port, self._state_port, self._copy_port = free_ports(3)
        self._first = first
        super().__init__()

    def command(self) -> Sequence[str]:
        members = f"127.0.0.1:{self._first.cluster_port}" if self._first else ""
        listen = f"tcp://127.0.0.1:{self.cluster_port}"
        options = f"gmcast.listen_addr={listen};ist.recv_addr=127.0.0.1:{self._state_port}"
        return [
            *super().command(),
            *("--wsrep-on=ON", f"--wsrep-provider={self._provider}", "--binlog-format=ROW"),
            *(f"--wsrep-cluster-address=gcomm://{members}", "--innodb-autoinc-lock-mode=2"),
            *(f"--wsrep-provider-options={options}", "--wsrep-node-address=127.0.0.1"),
            *("--wsrep-sst-method=rsync", "--wsrep-slave-threads=2"),
            f"--wsrep-sst-receive-address=127.0.0.1:{self._copy_port}",
        ]


def _program(name: str, package: str, *places: Path) -> str:
    found = next((place / name for place in places if (place / name).exists()), None)
    path = str(found) if found else shutil.which(name)
    if path is None:
        raise Missing(f"there is no {name}: apt-get install {package}")
    return path


def _galera() -> str:
    places = [Path("/usr/lib/galera/libgalera_smm.so"), Path("/usr/lib/libgalera_smm.so")]
    found = next((place for place in places if place.exists()), None)
    if found is None or shutil.which("rsync") is None:
        raise Missing("there is no Galera: apt-get install galera-4 rsync")
    return str(found)


def _kill(pid: int) -> None:
    """Returns when it has ended."""
    with suppress(ProcessLookupError):
        gone = os.pidfd_open(pid)
        try:
            os.kill(pid, signal.SIGKILL)
            select([gone], [], [], _START_S)
        finally:
            os.close(gone)


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
