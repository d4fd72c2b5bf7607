"""A fenix site on the real cloud: a server process, a manager process for each project, and what Nova says in the end.

Nova itself is the witness: the work on each host asks Nova what is on it, and all is counted in Nova afterwards.
"""

from __future__ import annotations

import json
import shlex
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median

import fenix_client
from fenix_client import Client

from fenix_grpc.cli.processes import Processes, started
from fenix_grpc.v1.events_pb2 import SessionEvent, StepEnded, StepStarted
from fenix_grpc.v1.session_service_pb2 import CreateSessionRequest
from fenix_grpc.v1.types_pb2 import ActionType, SessionState, StepOutcome, StepVerb
from tests.clients.languages import Language
from tests.e2e.service import until
from tests.openstack.cloud import ADMIN, Lab, Project
from tests.processes.servers import ServerProcess

DONE = SessionState.SESSION_STATE_MAINTENANCE_DONE
FAILED = SessionState.SESSION_STATE_MAINTENANCE_FAILED
MOVE = StepVerb.STEP_VERB_MOVE_INSTANCE
WITNESS = Path(__file__).with_name("witness.py")


class Site:
    """A fenix server for the lab's cloud, with its managers."""

    def __init__(self, lab: Lab, directory: Path, *, timers: str = "", more: str = "") -> None:
        """`timers` and `more` are added to the configuration."""
        self.lab = lab
        self.directory = directory
        directory.mkdir(exist_ok=True)
        self.clouds_yaml = lab.write_clouds_yaml(directory / "clouds.yaml")
        self.seen = directory / "witness.jsonl"
        command = json.dumps([sys.executable, str(WITNESS), str(self.clouds_yaml), str(self.seen)])
        self.server = ServerProcess(
            directory,
            f'kind = "openstack"\noptions = {{ cloud = "{ADMIN}" }}',
            f"""
[timers]
poll_s = 1.0
retry_wait_s = 2.0
{timers}
[actions.witness]
kind = "command"
options = {{ command = {command} }}
[actions.slow]
kind = "dummy"
{more}
""",
            environ={"OS_CLIENT_CONFIG_FILE": str(self.clouds_yaml)},
        )

    @asynccontextmanager
    async def open(self) -> AsyncIterator[tuple[Client, Processes]]:
        """The server and a connection to it; managers are started as needed."""
        await self.server.start()
        try:
            async with started(self.directory) as processes, self.server.client() as client:
                yield client, processes
        finally:
            await self.server.stop()

    async def grpc_manager(self, processes: Processes, project: str, *wishes: str) -> None:
        """The sample VNFM with the project's own credentials."""
        actions = [word for wish in wishes for word in ("--action", wish)]
        fenix = [sys.executable, "-m", "fenix_grpc.cli", "vnfm", self.project_id(project)]
        where = ["--server", self.server.grpc, "--os-cloud", project]
        environ = {"OS_CLIENT_CONFIG_FILE": str(self.clouds_yaml)}
        await processes.start(f"vnfm-{project}", [*fenix, *where, *actions], environ=environ)
        await processes.until_printed(f"vnfm-{project}", "listening")

    async def rest_manager(self, processes: Processes, project: str) -> None:
        """The one-file VNFM that knows nothing but HTTP."""
        sample = Path(fenix_client.__file__).with_name("rest_vnfm.py")
        command = [sys.executable, str(sample), self.project_id(project), "--url", self.server.rest]
        await processes.start(f"vnfm-{project}", [*command, "--action", "LIVE_MIGRATE"])
        await processes.until_printed(f"vnfm-{project}", "listening")

    async def sample_manager(
        self, processes: Processes, project: str, language: Language, own_action: str
    ) -> None:
        """The sample of clients/ in another language; it replaces the instance `own_action` itself."""
        language.make()
        hook = (sys.executable, "-m", "tests.openstack.replace", str(self.clouds_yaml), project)
        command = [*map(str, language.vnfm), "--server", self.server.grpc]
        whom = ["--project", self.project_id(project), "--own-action", own_action]
        await processes.start(
            f"vnfm-{project}", [*command, *whom, "--on-own-action", shlex.join(hook)]
        )
        await processes.until_printed(f"vnfm-{project}", "listening")

    async def until_heard(self, *projects: Project) -> None:
        """fenix has seen that they have alarms."""
        wanted = {project.project_id for project in projects}

        async def look() -> set[str]:
            with closing(sqlite3.connect(self.directory / "fenix.sqlite")) as database:
                rows = database.execute("select project_id from listeners")
                return {project_id for (project_id,) in rows}

        await until(look, lambda found: wanted <= found)

    def project_id(self, name: str) -> str:
        return self.lab.project(name).project_id


def servers(lab: Lab) -> Counter[tuple[str, str]]:
    """Owner and status of every server in Nova."""
    return Counter((s.project_id, s.status) for s in lab.admin.compute.servers(all_projects=True))


def check_nova(
    site: Site, before: Counter[tuple[str, str]], journal: list[SessionEvent], *hosts: str
) -> None:
    """What Nova and its witness say after work on these hosts, or on all."""
    lab = site.lab
    services = list(lab.admin.compute.services(binary="nova-compute"))
    assert {s.status for s in services} == {"enabled"}, services
    assert servers(lab) == before
    for server in lab.admin.compute.servers(all_projects=True):
        assert not lab.open_migrations(server.id), server.name
    testimony = [json.loads(line) for line in site.seen.read_text().splitlines()]
    worked_on = {t["host"] for t in testimony}
    assert worked_on == set(hosts or lab.hosts())
    assert all(t["servers"] == [] and t["status"] == "disabled" for t in testimony), testimony
    groups = Counter(
        s.compute_host
        for s in lab.admin.compute.servers(all_projects=True)
        if s.name.startswith("ha")
    )
    assert max(groups.values(), default=1) == 1, groups
    print(f"\n{figures(journal)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step from its beginning to its end. One that still runs has no outcome."""

    started: StepStarted
    ended: StepEnded
    began_at: datetime
    ended_at: datetime

    @property
    def took_s(self) -> float:
        return (self.ended_at - self.began_at).total_seconds()


class Steps:
    """The steps in a journal, in the order in which they began."""

    def __init__(self, journal: list[SessionEvent]) -> None:
        ends = {e.step_ended.step_id: e for e in journal if e.HasField("step_ended")}
        self.all = [
            Step(
                started=event.step_started,
                ended=(end := ends.get(event.step_started.step_id, SessionEvent())).step_ended,
                began_at=event.at.ToDatetime(),
                ended_at=end.at.ToDatetime(),
            )
            for event in journal
            if event.HasField("step_started")
        ]

    @property
    def running(self) -> list[Step]:
        """Those that have not ended."""
        return [step for step in self.all if not step.ended.outcome]

    def of(self, verb: StepVerb, outcome: StepOutcome) -> list[Step]:
        """Those of a verb that ended so."""
        return [
            step for step in self.all if step.started.verb == verb and step.ended.outcome == outcome
        ]

    def next_of(self, step: Step) -> Step:
        """The next one with the same instance."""
        later = self.all[self.all.index(step) + 1 :]
        return next(s for s in later if s.started.instance_id == step.started.instance_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a session took."""

    moves: int
    #: Tries that Nova refused or that failed.
    refused: int
    median_s: float
    longest_s: float
    total_s: float

    def __str__(self) -> str:
        return (
            f"{self.moves} moves ({self.refused} refused), median {self.median_s:.1f} s,"
            f" longest {self.longest_s:.1f} s; session {self.total_s:.0f} s"
        )


def figures(journal: list[SessionEvent]) -> Figures:
    """The figures of a run. A move counts once however often it was tried."""
    moves = sorted(step.took_s for step in Steps(journal).of(MOVE, StepOutcome.STEP_OUTCOME_DONE))
    took = journal[-1].at.ToDatetime() - journal[0].at.ToDatetime()
    return Figures(
        moves=len(moves),
        refused=len(Steps(journal).of(MOVE, StepOutcome.STEP_OUTCOME_FAILED)),
        median_s=median(moves),
        longest_s=moves[-1],
        total_s=took.total_seconds(),
    )


def request(*hosts: str, workflow: str = "default") -> CreateSessionRequest:
    """Work on these hosts, or on all, as soon as may be."""
    asked = CreateSessionRequest(hosts=hosts, workflow=workflow)
    asked.actions.add(plugin="witness", type=ActionType.ACTION_TYPE_COMPUTE)
    asked.maintenance_at.GetCurrentTime()
    return asked
