"""Performs one step and tells how it ended. No choices are left here; nothing is retried.

A definite no of the cloud is FAILED. No answer is LOST: nobody knows what happened, and `decide` looks before it goes
on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fenix_grpc.core.errors import CloudRefused, CloudUnavailable
from fenix_grpc.core.events import StepEnded, StepStarted
from fenix_grpc.core.model import InstanceAction, StepOutcome, StepVerb
from fenix_grpc.core.session import Session
from fenix_grpc.engine.tasks import within
from fenix_grpc.ports import Action, ActionRequest, Clock, Cloud

OUTPUT_KEPT = 4096


def disabled_reason(session_id: str) -> str:
    """What is written to a host that a session keeps out of service; it is how the session knows its own again."""
    return f"fenix session {session_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Performer:
    """Everything that steps need."""

    cloud: Cloud
    actions: Mapping[str, Action]
    clock: Clock

    async def perform(self, session: Session, step: StepStarted) -> StepEnded:
        """How the step ended."""
        try:
            if step.verb is StepVerb.RUN_ACTION:
                return await self._run_action(session, step)
            host = await self._act(session, step)
        except CloudRefused as err:
            return StepEnded(step_id=step.step_id, outcome=StepOutcome.FAILED, detail=str(err))
        except CloudUnavailable as err:
            return StepEnded(step_id=step.step_id, outcome=StepOutcome.LOST, detail=str(err))
        return StepEnded(step_id=step.step_id, outcome=StepOutcome.DONE, host=host)

    async def _act(self, session: Session, step: StepStarted) -> str:
        reason = disabled_reason(session.session_id)
        if step.verb is StepVerb.DISABLE_HOST:
            await self.cloud.disable_host(step.host, reason)
            return ""
        if step.verb is StepVerb.ENABLE_HOST:
            await self.cloud.enable_host(step.host, reason)
            return ""
        result = await self.cloud.move_instance(
            step.instance_id,
            step.how or InstanceAction.MIGRATE,
            source=step.host,
            target=step.target,
            timeout_s=session.created.policy.move_s,
        )
        return result.host

    async def _run_action(self, session: Session, step: StepStarted) -> StepEnded:
        spec = session.created.actions[step.action_index]
        action = self.actions.get(spec.plugin)
        if action is None:
            detail = f"action plug-in {spec.plugin} is not configured on this server"
            return StepEnded(step_id=step.step_id, outcome=StepOutcome.FAILED, detail=detail)
        host = session.hosts.get(step.host)
        timeout_s = session.created.policy.action_s
        request = ActionRequest(
            session_id=session.session_id,
            host=step.host,
            host_kind=host.view.kind if host else None,
            type=spec.type.value,
            metadata=spec.metadata,
            session_metadata=session.created.metadata,
            timeout_s=timeout_s,
        )
        result = await within(self.clock, timeout_s, action.run(request))
        if result is None:
            detail = f"did not end within {timeout_s:.0f} s and was cancelled"
            return StepEnded(step_id=step.step_id, outcome=StepOutcome.FAILED, detail=detail)
        return StepEnded(
            step_id=step.step_id,
            outcome=StepOutcome.DONE if result.ok else StepOutcome.FAILED,
            detail=result.detail,
            output=result.output[-OUTPUT_KEPT:],
        )
