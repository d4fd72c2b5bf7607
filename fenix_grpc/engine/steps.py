"""Performs one step and tells how it ended. No choices are left here; nothing is retried.

A definite no of the cloud is FAILED. No answer is LOST: nobody knows what happened, and `decide` looks before it goes
on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from fenix_grpc.core.errors import (
    CloudRefused,
    CloudUnavailable,
    PackageError,
    PackageRefused,
    PackageUnavailable,
)
from fenix_grpc.core.events import StepEnded, StepStarted
from fenix_grpc.core.live import rule_of
from fenix_grpc.core.model import InstanceAction, StepOutcome, StepVerb
from fenix_grpc.core.session import MARK, Session
from fenix_grpc.engine.guests import Guest
from fenix_grpc.engine.tasks import within
from fenix_grpc.ports import Action, ActionRequest, Clock, Cloud, MoveResult, Packages
from fenix_grpc.traces import Traces

OUTPUT_KEPT = 4096
DETAIL_KEPT = 2048
_NO_PACKAGES = "[packages] directory is not configured on this server"


def disabled_reason(session_id: str) -> str:
    """What is written to a host that a session keeps out of service."""
    return f"{MARK}{session_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Performer:
    """Everything that steps need."""

    cloud: Cloud
    actions: Mapping[str, Action]
    clock: Clock
    #: None where sessions may bring none.
    packages: Packages | None = None
    #: Told of every step: its verb, its outcome, its seconds.
    measured: Callable[[str, str, float], None] = lambda *_: None
    traces: Traces = field(default_factory=Traces)

    async def perform(
        self, session: Session, step: StepStarted, stop: asyncio.Event | None = None
    ) -> StepEnded:
        """How the step ended. What can be given up half-way, actions and fetching, is cancelled when `stop` is set."""
        began = self.clock.now()
        with self.traces.step(step.verb.value, session.session_id, step.step_id) as span:
            ended = await self._perform(session, step, stop or asyncio.Event())
            if span is not None:
                span.set_attribute("fenix.outcome", ended.outcome.value)
        seconds = (self.clock.now() - began).total_seconds()
        self.measured(step.verb.value, ended.outcome.value, seconds)
        return ended

    async def _perform(
        self, session: Session, step: StepStarted, stopped: asyncio.Event
    ) -> StepEnded:
        try:
            if step.verb is StepVerb.RUN_ACTION:
                return await self._run_action(session, step, stopped)
            if step.verb is StepVerb.FETCH_PACKAGE:
                return await self._fetch(session, step, stopped)
            host = await self._act(session, step)
        except (CloudRefused, PackageRefused) as err:
            return _failed(step, str(err))
        except (CloudUnavailable, PackageUnavailable) as err:
            return StepEnded(step_id=step.step_id, outcome=StepOutcome.LOST, detail=str(err))
        return StepEnded(step_id=step.step_id, outcome=StepOutcome.DONE, host=host)

    async def forget(self, session_id: str) -> None:
        """Removes what is kept here for a session that has ended."""
        if self.packages is not None:
            await self.packages.remove(session_id)

    async def _act(self, session: Session, step: StepStarted) -> str:
        reason = disabled_reason(session.session_id)
        if step.verb is StepVerb.DISABLE_HOST:
            await self.cloud.disable_host(step.host, reason)
            return ""
        if step.verb is StepVerb.ENABLE_HOST:
            await self.cloud.enable_host(step.host, reason)
            return ""
        if step.verb is StepVerb.REMOVE_HOST:
            await self.cloud.remove_host(step.host, reason)
            return ""
        return (await self._take_off(session, step)).host

    async def _take_off(self, session: Session, step: StepStarted) -> MoveResult:
        policy, how = session.created.policy, step.how or InstanceAction.MIGRATE
        if step.verb is StepVerb.EVACUATE_INSTANCE:
            return await self.cloud.evacuate_instance(
                step.instance_id, source=step.host, target=step.target, timeout_s=policy.move_s
            )
        return await self.cloud.move_instance(
            step.instance_id,
            how,
            source=step.host,
            target=step.target,
            timeout_s=policy.move_s,
            live=rule_of(policy, session.instance_constraints, step.instance_id, how),
        )

    async def _fetch(self, session: Session, step: StepStarted, stop: asyncio.Event) -> StepEnded:
        if self.packages is None:
            raise PackageRefused(_NO_PACKAGES)
        number, created = step.package_index, session.created
        known = session.fetched.get(number, "")
        work = self.packages.fetch(session.session_id, created.packages, number, known)
        fetched = await within(self.clock, created.policy.action_s, work, stop)
        if fetched is None:
            return _failed(step, _why_cancelled(created.policy.action_s, stop))
        return StepEnded(
            step_id=step.step_id,
            outcome=StepOutcome.DONE,
            detail=fetched.detail,
            sha256=fetched.sha256,
        )

    async def _run_action(
        self, session: Session, step: StepStarted, stop: asyncio.Event
    ) -> StepEnded:
        spec = session.created.actions[step.action_index]
        brought = {f"{p.name}/{name}" for p in session.created.packages for name in p.plugins}
        action = Guest(spec.plugin) if spec.plugin in brought else self.actions.get(spec.plugin)
        if action is None:
            return _failed(step, f"action plug-in {spec.plugin} is not configured on this server")
        try:
            packages = await self._packages(session)
        except PackageError as err:  # nothing has begun: known to have failed, not unknown
            return _failed(step, f"a package of the session is not on this server: {err}")
        host = session.hosts.get(step.host)
        timeout_s = spec.timeout_s or session.created.policy.action_s
        request = ActionRequest(
            session_id=session.session_id,
            host=step.host,
            host_kind=host.view.kind if host else None,
            type=spec.type.value,
            metadata=spec.metadata,
            session_metadata=session.created.metadata,
            packages=packages,
            state=session.state.value,
            timeout_s=timeout_s,
        )
        result = await within(self.clock, timeout_s, action.run(request), stop)
        if result is None:
            return _failed(step, _why_cancelled(timeout_s, stop))
        return StepEnded(
            step_id=step.step_id,
            outcome=StepOutcome.DONE if result.ok else StepOutcome.FAILED,
            detail=result.detail[:DETAIL_KEPT],
            output=result.output[-OUTPUT_KEPT:],
        )

    async def _packages(self, session: Session) -> str:
        """Where they are; also a server that has only just taken the session over has them then."""
        created = session.created
        if not created.packages:
            return ""
        if self.packages is None:
            raise PackageRefused(_NO_PACKAGES)
        return await self.packages.directory(session.session_id, created.packages, session.fetched)


def _failed(step: StepStarted, detail: str) -> StepEnded:
    return StepEnded(step_id=step.step_id, outcome=StepOutcome.FAILED, detail=detail)


def _why_cancelled(timeout_s: float, stop: asyncio.Event) -> str:
    if stop.is_set():
        return "cancelled, because the session was deleted"
    return f"did not end within {timeout_s:.0f} s and was cancelled"
