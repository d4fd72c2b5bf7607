#!/usr/bin/env python3
"""A sample VNFM: the manager of a project's application, as fenix sees it. Copy it and put your application in.

It registers what its instances demand of a maintenance, hears every notice, does what is asked and answers. What it
heard and answered is printed, a line each; README.md of clients/ says how. `fenix_client.vnfm` is the one that scales.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path

import grpc
from fenix_client import Backoff, CallFailed, Client, connect, patiently, watch_project

from fenix_grpc.v1.constraint_service_pb2 import (
    SetGroupConstraintRequest,
    SetInstanceConstraintRequest,
)
from fenix_grpc.v1.project_service_pb2 import ReplyProjectSessionRequest
from fenix_grpc.v1.types_pb2 import (
    Answer,
    GroupConstraint,
    InstanceAction,
    InstanceConstraint,
    NoticeInstance,
    NoticeKind,
    ProjectNotice,
)


class Vnfm:
    """Answers for one project until the maintenance is complete."""

    def __init__(self, client: Client, args: argparse.Namespace) -> None:
        self._client = client
        self._project_id: str = args.project
        self._own_action: str = args.own_action
        self._on_own_action: str = args.on_own_action
        self._backoff = Backoff(
            most_s=5, on_break=lambda failed, _: print(f"! {failed}", file=sys.stderr)
        )
        self._registered = False

    async def run(self) -> None:
        """Listens and answers, through breaks of the connection."""
        async with asyncio.TaskGroup() as background:
            watch = watch_project(self._client, self._project_id, backoff=self._backoff)
            async with aclosing(watch) as responses:
                listening = False
                async for response in responses:
                    if not listening:
                        say("listening")
                    listening = True
                    for notice in response.notices:
                        try:
                            await self._handle(notice, background)
                        except CallFailed as failed:  # the session went on or is gone
                            print(f"! {failed}", file=sys.stderr)
                        if notice.kind == NoticeKind.NOTICE_KIND_MAINTENANCE_COMPLETE:
                            return

    async def _handle(self, notice: ProjectNotice, background: asyncio.TaskGroup) -> None:
        known = notice.kind in NoticeKind.values()  # a newer server may know more of them
        kind = NoticeKind.Name(notice.kind).removeprefix("NOTICE_KIND_") if known else notice.kind
        instances = sorted(notice.instances, key=lambda instance: instance.instance_name)
        say(f"heard {kind}", ", ".join(instance.instance_name for instance in instances))
        reply = ReplyProjectSessionRequest(
            session_id=notice.session_id,
            project_id=notice.project_id,
            kind=notice.kind,
            notice_id=notice.notice_id,
            answer=Answer.ANSWER_ACK,
            request_id=f"{notice.session_id}/{notice.notice_id}",
        )
        answer, own = ["ACK"], []
        match notice.kind:
            case NoticeKind.NOTICE_KIND_MAINTENANCE:
                await self._register(instances)
            case NoticeKind.NOTICE_KIND_SCALE_IN:
                # Your application goes here: delete instances until this much is free, or as many as can be spared.
                much = notice.needed
                say(f"would release {much.vcpus} vCPU, {much.memory_mb} MiB, {much.disk_gb} GiB")
            case (
                NoticeKind.NOTICE_KIND_PREPARE_MAINTENANCE
                | NoticeKind.NOTICE_KIND_PLANNED_MAINTENANCE
            ):
                for instance in instances:
                    action = self._choose(instance)
                    reply.instance_actions[instance.instance_id] = action
                    answer.append(f"{instance.instance_name} {word(action)}")
                    if action == InstanceAction.INSTANCE_ACTION_OWN_ACTION:
                        own.append(instance)
            case NoticeKind.NOTICE_KIND_MAINTENANCE_COMPLETE:
                pass  # Your application goes here: boot what SCALE_IN deleted.
            case _:
                return  # told, not asked
        send = self._client.projects.ReplyProjectSession
        replied = await patiently(lambda: self._client.call(send, reply), self._backoff)
        say(f"answered {kind}", ", ".join(answer))
        for instance in own if replied.counted else ():
            say("own action", instance.instance_name)
            background.create_task(self._replace(instance))

    async def _register(self, instances: Sequence[NoticeInstance]) -> None:
        """Says what the instances and their group demand of every maintenance, once it is known which they are."""
        if self._registered:
            return
        group = GroupConstraint(
            group_id=f"{self._project_id}-group",
            project_id=self._project_id,
            group_name=self._project_id,
            max_impacted_members=1,
        )
        calls = self._client.constraints
        for instance in instances:
            action = self._choose(instance)
            constraint = InstanceConstraint(
                project_id=self._project_id,
                group_id=group.group_id,
                instance_name=instance.instance_name,
                migration_types=[action],
            )
            one = SetInstanceConstraintRequest(
                instance_id=instance.instance_id, constraint=constraint
            )
            await patiently(
                lambda one=one: self._client.call(calls.SetInstanceConstraint, one), self._backoff
            )
            say(f"registered {instance.instance_name}", word(action))
        request = SetGroupConstraintRequest(group_id=group.group_id, constraint=group)
        await patiently(lambda: self._client.call(calls.SetGroupConstraint, request), self._backoff)
        say("registered the group", "at most 1 impacted")
        self._registered = True

    def _choose(self, instance: NoticeInstance) -> InstanceAction:
        if self._own_action in (instance.instance_id, instance.instance_name):
            return InstanceAction.INSTANCE_ACTION_OWN_ACTION
        return InstanceAction.INSTANCE_ACTION_MIGRATE

    async def _replace(self, instance: NoticeInstance) -> None:
        """Runs the command that makes the instance leave its host. Your application goes here: boot another, then
        delete this one. When it fails, fenix sees it once the time is over."""
        command = ("sh", "-c", f'{self._on_own_action} "$1"', "sh", instance.instance_id)
        process = await asyncio.create_subprocess_exec(*command, stdout=sys.stderr)
        if code := await process.wait():
            print(f"! {instance.instance_name} stays: exit code {code}", file=sys.stderr)


def word(action: InstanceAction) -> str:
    """The name of an action without the prefix of its type."""
    return InstanceAction.Name(action).removeprefix("INSTANCE_ACTION_")


def say(what: str, more: str = "") -> None:
    print(f"{what}: {more}" if more else what, flush=True)


def read_flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", default="127.0.0.1:12348", help="address of fenix")
    parser.add_argument("--project", required=True, help="id of the project to speak for")
    parser.add_argument("--token", default=os.environ.get("FENIX_TOKEN", ""), help="who is calling")
    parser.add_argument("--ca", help="file with the certificates to trust; plain text without it")
    parser.add_argument("--own-action", help="id or name of the instance to replace, not to move")
    parser.add_argument("--on-own-action", default="", help="command for it; its id is appended")
    return parser.parse_args()


async def main(flags: argparse.Namespace, ca: bytes | None) -> None:
    """Listens to the end."""
    trusted = grpc.ssl_channel_credentials(ca) if ca else None
    async with connect(flags.server, flags.token, credentials=trusted) as client:
        await Vnfm(client, flags).run()


if __name__ == "__main__":
    given = read_flags()
    asyncio.run(main(given, Path(given.ca).read_bytes() if given.ca else None))
