"""A sample VNFM: the manager of a project's application, as fenix sees it. Copy it and put your application in.

It hears what every maintenance asks of the project, does it and answers. The application is reached through the small
protocol `Application`; how instances are booted and deleted is no matter of this module.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Protocol

import grpc

from fenix_client.connection import Client
from fenix_client.errors import CallFailed
from fenix_client.memory import Memory
from fenix_client.watch import Backoff, patiently, watch_project
from fenix_grpc.v1.project_service_pb2 import ReplyProjectSessionRequest
from fenix_grpc.v1.types_pb2 import Answer, InstanceAction, NoticeKind, ProjectNotice, Resources

#: What a server says to a token that it cannot resume from: too old, or from another server.
_UNKNOWN_TOKEN = frozenset({grpc.StatusCode.OUT_OF_RANGE, grpc.StatusCode.INVALID_ARGUMENT})

#: How often an own action is tried; with the usual backoff that is about seven minutes.
_REPLACE_ATTEMPTS = 30


class CannotComply(Exception):
    """The application cannot do what is asked; the text goes to the operator."""


class Application(Protocol):
    """What is managed. Every method may be called again after it was interrupted half-way. Raises CannotComply."""

    async def instances(self) -> Mapping[str, str]:
        """Id to name of the instances that exist now."""

    async def scale_in(self, amount: Resources, suggested: Sequence[str] = ()) -> Sequence[str]:
        """Deletes the `suggested` instances if all of them can be spared, else others until at least `amount` is
        released or no more can be spared; returns what it deleted."""

    async def scale_out(self) -> Sequence[str]:
        """Boots what `scale_in` deleted, back to the original size; returns what it booted."""

    async def replace(self, instance_id: str) -> str:
        """Boots another instance in place of this one, then deletes this one; returns the new one."""


def say(line: str) -> None:
    """Prints a line at once, also into a pipe."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class Vnfm:
    """Answers for one project, one notice after the other; replacements of instances run beside that.

    `actions` maps patterns of instance names to the action wanted, as in `{"db-*": "OWN_ACTION", "*": "LIVE_MIGRATE"}`;
    the first match counts. With a `memory` that has a file, a restart goes on where the last run ended.
    """

    def __init__(
        self,
        client: Client,
        project_id: str,
        application: Application,
        *,
        actions: Mapping[str, str] | None = None,
        memory: Memory | None = None,
        backoff: Backoff | None = None,
        say: Callable[[str], None] = say,
    ) -> None:
        self._client = client
        self._project_id = project_id
        self._application = application
        self._actions = actions or {}
        self._memory = memory or Memory()
        self._backoff = backoff or Backoff(on_open=self._on_open, on_break=self._on_break)
        self._say = say

    async def run(self) -> None:
        """Listens and answers until cancelled. Raises CallFailed when the server does not let it listen."""
        try:
            async with asyncio.TaskGroup() as background:
                for instance_id in self._memory.get("replacing", []):
                    background.create_task(self._replace(instance_id))
                await self._listen(background)
        except ExceptionGroup as group:
            raise group.exceptions[0] from group

    async def _listen(self, background: asyncio.TaskGroup) -> None:
        while True:
            after = self._memory.get("token", "")
            watch = watch_project(
                self._client, self._project_id, after=after, backoff=self._backoff
            )
            try:
                async for response in watch:
                    for notice in response.notices:
                        self._say(headline(notice))
                        await self._handle(notice, background)
                    self._memory.put("token", response.token)
            except CallFailed as failed:
                if failed.code not in _UNKNOWN_TOKEN or not after:
                    raise
                self._say(f"! {failed}: beginning with the notices that are open")
                self._memory.put("token", "")

    async def _handle(self, notice: ProjectNotice, background: asyncio.TaskGroup) -> None:
        reply = ReplyProjectSessionRequest(answer=Answer.ANSWER_ACK)
        try:
            match notice.kind:
                case NoticeKind.NOTICE_KIND_MAINTENANCE:
                    pass  # agreed; nothing to prepare
                case NoticeKind.NOTICE_KIND_SCALE_IN:
                    for instance_id in await self._application.scale_in(
                        notice.needed, notice.suggested_instance_ids
                    ):
                        self._say(f"  deleted {instance_id}")
                case NoticeKind.NOTICE_KIND_MAINTENANCE_COMPLETE:
                    for instance_id in await self._application.scale_out():
                        self._say(f"  booted {instance_id}")
                case (
                    NoticeKind.NOTICE_KIND_PREPARE_MAINTENANCE
                    | NoticeKind.NOTICE_KIND_PLANNED_MAINTENANCE
                ):
                    for instance in notice.instances:
                        action = self._choose(instance.instance_name, notice.allowed_actions)
                        reply.instance_actions[instance.instance_id] = action
                case _:
                    return  # told, not asked
        except CannotComply as problem:
            reply = ReplyProjectSessionRequest(answer=Answer.ANSWER_NACK, reason=str(problem))
        own_action = InstanceAction.INSTANCE_ACTION_OWN_ACTION
        begun = self._memory.get("replacing", [])
        own = [i for i, a in reply.instance_actions.items() if a == own_action and i not in begun]
        self._memory.put("replacing", [*begun, *own])  # promised from here on, also over a restart
        counted = await self._reply(notice, reply)
        for instance_id in own:
            background.create_task(self._replace(instance_id, wanted=counted))

    def _choose(self, name: str, allowed: Sequence[InstanceAction]) -> InstanceAction:
        """The action wanted for an instance when it is allowed, else the first that is."""
        matches = (a for pattern, a in self._actions.items() if fnmatchcase(name, pattern))
        wanted = next(matches, "MIGRATE")
        return next((a for a in allowed if _word(InstanceAction, a) == wanted), allowed[0])

    async def _reply(self, notice: ProjectNotice, reply: ReplyProjectSessionRequest) -> bool:
        """True when the reply counted."""
        reply.session_id = notice.session_id
        reply.project_id = notice.project_id
        reply.kind = notice.kind
        reply.notice_id = notice.notice_id
        reply.request_id = f"{notice.session_id}/{notice.notice_id}"
        send = self._client.projects.ReplyProjectSession
        try:
            response = await patiently(lambda: self._client.call(send, reply), self._backoff)
        except CallFailed as failed:  # the session went on or is gone
            self._say(f"! {failed}")
            return False
        actions = Counter(_word(InstanceAction, a) for a in reply.instance_actions.values())
        chosen = ", ".join(f"{count} {action}" for action, count in sorted(actions.items()))
        words = (_word(Answer, reply.answer), chosen, reply.reason, response.detail)
        self._say("  -> " + "  ".join(word for word in words if word))
        return response.counted

    async def _replace(self, instance_id: str, *, wanted: bool = True) -> None:
        """Tries again when there is no room, for as long as hosts may come back; then fenix sees that it stays."""
        for failures in range(1, _REPLACE_ATTEMPTS + 1) if wanted else ():
            try:
                if instance_id in await self._application.instances():
                    new = await self._application.replace(instance_id)
                    self._say(f"  replaced {instance_id} by {new}")
                break
            except CannotComply as problem:
                self._say(f"! {instance_id} stays for now: {problem}")
                await self._backoff.sleep(self._backoff.wait_s(failures))
        left = [i for i in self._memory.get("replacing", []) if i != instance_id]
        self._memory.put("replacing", left)

    def _on_open(self) -> None:
        self._say(f"listening for project {self._project_id}")

    def _on_break(self, failed: CallFailed, wait_s: float) -> None:
        self._say(f"! {failed}; again in {wait_s:.1f} s")


def headline(notice: ProjectNotice) -> str:
    """A notice on one line."""
    words = [_word(NoticeKind, notice.kind), f"session {notice.session_id[:8]}"]
    if notice.instances:
        words.append(f"{len(notice.instances)} instances")
    if notice.HasField("needed"):
        words.append(f"{notice.needed.vcpus} vCPU, {notice.needed.memory_mb} MiB needed")
    if notice.HasField("reply_at"):
        words.append(f"reply by {notice.reply_at.ToDatetime():%H:%M:%S}")
    if notice.reason:
        words.append(notice.reason)
    return "  ".join(words)


def _word(enum: type[NoticeKind | Answer | InstanceAction], value: int) -> str:
    """The v1 word of an enum value: its name without the prefix of the type, or its number if it is new."""
    if value not in enum.values():
        return str(value)
    prefixes = ("NOTICE_KIND_", "ANSWER_", "INSTANCE_ACTION_")
    name = enum.Name(value)
    return next(name.removeprefix(p) for p in prefixes if name.startswith(p))
