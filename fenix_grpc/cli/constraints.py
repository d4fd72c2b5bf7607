"""`fenix constraint ...`: what applications demand of every maintenance, by hand."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any

import typer
from fenix_client import Client

from fenix_grpc.cli.arguments import word_of
from fenix_grpc.cli.calls import (
    DEFAULT_SERVER,
    CaOption,
    Format,
    OutputOption,
    RequestIdOption,
    ServerOption,
    TokenOption,
    call,
)
from fenix_grpc.cli.constraint_tables import Record, constraint_facts, constraint_list
from fenix_grpc.cli.output import console, json_line, present, say
from fenix_grpc.v1 import constraint_service_pb2 as pb
from fenix_grpc.v1.types_pb2 import BySize, GroupConstraint, InstanceAction, InstanceConstraint

app = typer.Typer(
    name="constraint",
    help="What applications demand of every maintenance, for managers of projects.",
    no_args_is_help=True,
)
setting = typer.Typer(
    name="set", help="Sets a constraint and replaces the one before.", no_args_is_help=True
)
app.add_typer(setting)

_BY_SIZE = re.compile(r"(?:(\d{1,9})=)?(\d{1,9})")


class Kind(StrEnum):
    """Whose constraint it is."""

    INSTANCE = "instance"
    GROUP = "group"


KindArgument = Annotated[Kind, typer.Argument(help="instance or group.", show_default=False)]
IdArgument = Annotated[
    str, typer.Argument(metavar="ID", help="Of the instance or the group.", show_default=False)
]
ProjectOption = Annotated[
    str, typer.Option("--project", help="Its owner; for administrators, others own what they set.")
]
MitigationOption = Annotated[
    bool, typer.Option("--mitigation", help="A free place of the same size is kept while it moves.")
]


@app.command("list")
def list_(
    project: Annotated[str, typer.Option(help="Only those of this project.")] = "",
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
    ca: CaOption = "",
    output: OutputOption = Format.TABLE,
) -> None:
    """Lists the constraints of groups and instances; with `-o json` one a line."""

    async def work(client: Client) -> tuple[list[Any], list[Any]]:
        service = client.constraints
        groups = pb.ListGroupConstraintsRequest(project_id=project, page_size=1000)
        instances = pb.ListInstanceConstraintsRequest(project_id=project, page_size=1000)
        return (
            await _all(client, service.ListInstanceConstraints, instances),
            await _all(client, service.ListGroupConstraints, groups),
        )

    instances, groups = call(server, token, work, ca)
    if output is Format.TABLE:
        console().print(constraint_list(instances, groups))
        return
    for record in (*groups, *instances):
        say(json_line(record))


@app.command()
def show(
    kind: KindArgument,
    id_: IdArgument,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
    ca: CaOption = "",
    output: OutputOption = Format.TABLE,
) -> None:
    """Shows a constraint, and what was corrected when it was set."""

    async def work(client: Client) -> Record:
        service = client.constraints
        if kind is Kind.GROUP:
            request = pb.GetGroupConstraintRequest(group_id=id_)
            return (await client.call(service.GetGroupConstraint, request)).record
        of_instance = pb.GetInstanceConstraintRequest(instance_id=id_)
        return (await client.call(service.GetInstanceConstraint, of_instance)).record

    record = call(server, token, work, ca)
    present(record, constraint_facts(record), output)


@app.command()
def delete(
    kind: KindArgument,
    id_: IdArgument,
    request_id: RequestIdOption = "",
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
    ca: CaOption = "",
) -> None:
    """Removes a constraint. Says nothing when all is well, also when there was none."""

    async def work(client: Client) -> None:
        service = client.constraints
        if kind is Kind.GROUP:
            request = pb.DeleteGroupConstraintRequest(group_id=id_, request_id=request_id)
            await client.call(service.DeleteGroupConstraint, request)
            return
        of_instance = pb.DeleteInstanceConstraintRequest(instance_id=id_, request_id=request_id)
        await client.call(service.DeleteInstanceConstraint, of_instance)

    call(server, token, work, ca)


@setting.command("instance")
def set_instance(
    id_: IdArgument,
    group: Annotated[str, typer.Option(help="Id of the group that it belongs to.")] = "",
    name: Annotated[str, typer.Option(help="Its name.")] = "",
    migration: Annotated[
        list[str] | None,
        typer.Option(help="migrate, live_migrate or own_action; repeat it, the preferred first."),
    ] = None,
    lead_time: Annotated[
        int, typer.Option(metavar="SECONDS", help="Between a notice and the action.")
    ] = 0,
    max_interruption_time: Annotated[
        int, typer.Option(metavar="SECONDS", help="Of a live migration; 0 demands nothing.")
    ] = 0,
    mitigation: MitigationOption = False,
    project: ProjectOption = "",
    request_id: RequestIdOption = "",
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
    ca: CaOption = "",
    output: OutputOption = Format.TABLE,
) -> None:
    """Sets what an instance demands."""
    constraint = InstanceConstraint(
        project_id=project,
        group_id=group,
        instance_name=name,
        max_interruption_time=max_interruption_time,
        migration_types=[word_of(InstanceAction, text, "--migration") for text in migration or []],
        resource_mitigation=mitigation,
        lead_time=lead_time,
    )
    request = pb.SetInstanceConstraintRequest(
        instance_id=id_, constraint=constraint, request_id=request_id
    )

    async def work(client: Client) -> Record:
        return (await client.call(client.constraints.SetInstanceConstraint, request)).record

    record = call(server, token, work, ca)
    present(record, constraint_facts(record), output)


@setting.command("group")
def set_group(
    id_: IdArgument,
    name: Annotated[str, typer.Option(help="Its name.")] = "",
    anti_affinity: Annotated[
        bool, typer.Option("--anti-affinity", help="Members must sit on different hosts.")
    ] = False,
    max_per_host: Annotated[
        int, typer.Option(help="Members that may share a host with --anti-affinity; 0 means 1.")
    ] = 0,
    max_impacted: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[SIZE=]N",
            help="Members out of service at once, 1 by default; for groups of SIZE on. Repeat it.",
        ),
    ] = None,
    min_preserved: Annotated[
        list[str] | None,
        typer.Option(metavar="[SIZE=]N", help="Members that stay in service. Repeat it."),
    ] = None,
    recovery_time: Annotated[
        int, typer.Option(metavar="SECONDS", help="Of a member after its move.")
    ] = 0,
    mitigation: MitigationOption = False,
    project: ProjectOption = "",
    request_id: RequestIdOption = "",
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
    ca: CaOption = "",
    output: OutputOption = Format.TABLE,
) -> None:
    """Sets what a group of instances demands."""
    impacted = [_by_size(text, "--max-impacted") for text in max_impacted or []]
    at_any_size = [line.number for line in impacted if not line.group_size]
    constraint = GroupConstraint(
        project_id=project,
        group_name=name,
        anti_affinity_group=anti_affinity,
        max_instances_per_host=max_per_host,
        max_impacted_members=at_any_size[-1] if at_any_size else 1,
        max_impacted_by_size=[line for line in impacted if line.group_size],
        min_preserved_by_size=[_by_size(text, "--min-preserved") for text in min_preserved or []],
        recovery_time=recovery_time,
        resource_mitigation=mitigation,
    )
    request = pb.SetGroupConstraintRequest(
        group_id=id_, constraint=constraint, request_id=request_id
    )

    async def work(client: Client) -> Record:
        return (await client.call(client.constraints.SetGroupConstraint, request)).record

    record = call(server, token, work, ca)
    present(record, constraint_facts(record), output)


def _by_size(text: str, option: str) -> BySize:
    found = _BY_SIZE.fullmatch(text)
    if not found:
        raise typer.BadParameter(
            f"{text!r} is not N or SIZE=N, such as 2 or 10=3", param_hint=option
        )
    return BySize(group_size=int(found[1] or 0), number=int(found[2]))


async def _all(client: Client, method: Any, request: Any) -> list[Any]:
    """The records of all pages."""
    records: list[Any] = []
    while True:
        page = await client.call(method, request)
        records += page.records
        if not page.next_page_token:
            return records
        request.page_token = page.next_page_token
