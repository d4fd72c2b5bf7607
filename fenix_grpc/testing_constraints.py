"""The conformance suite of `ports.Constraints`: the promises of its docstrings, as checks that raise AssertionError.

Every check gets a function that opens the store under test, empty at first, for the length of an `async with`; opened
again it is the same store, as another process or a restart has it. Needs no test framework:

    for check in CONSTRAINT_CHECKS:
        await check(open_a_new_store)
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta

from fenix_grpc.core.constraints import (
    BySize,
    ConstraintSet,
    GroupConstraint,
    InstanceConstraint,
)
from fenix_grpc.core.errors import NotAllowed
from fenix_grpc.core.model import InstanceAction
from fenix_grpc.ports import ConstraintKind, Constraints, KeptConstraint

OpenConstraints = Callable[[], AbstractAsyncContextManager[Constraints]]
ConstraintCheck = Callable[[OpenConstraints], Awaitable[None]]

T0 = datetime(2030, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
LATER = T0 + timedelta(hours=1)
INSTANCE, GROUP = ConstraintKind.INSTANCE, ConstraintKind.GROUP

FULL_INSTANCE = InstanceConstraint(
    instance_id="i1",
    project_id="red",
    group_id="g1",
    instance_name="Ünïcode ✓",
    max_interruption_time=120,
    migration_types=(InstanceAction.LIVE_MIGRATE, InstanceAction.OWN_ACTION),
    resource_mitigation=True,
    lead_time=40,
)
FULL_GROUP = GroupConstraint(
    group_id="g1",
    project_id="red",
    group_name="ha",
    anti_affinity_group=True,
    max_instances_per_host=1,
    max_impacted_members=2,
    max_impacted_by_size=(BySize(group_size=5, number=2),),
    min_preserved_by_size=(BySize(group_size=0, number=3),),
    recovery_time=4,
    resource_mitigation=True,
)


def _instance(name: str, project_id: str = "red", lead_time: int = 0) -> InstanceConstraint:
    return InstanceConstraint(instance_id=name, project_id=project_id, lead_time=lead_time)


async def _is_refused(change: Awaitable[object]) -> None:
    try:
        await change
    except NotAllowed:
        return
    raise AssertionError("a change of another project's constraint was not refused")


async def check_an_empty_store_has_nothing(open_store: OpenConstraints) -> None:
    async with open_store() as store:
        assert await store.get(INSTANCE, "i1") is None
        assert list(await store.list(GROUP)) == []
        assert await store.all_for(["red"]) == ConstraintSet()
        assert not await store.delete(INSTANCE, "i1", at=T0)


async def check_constraints_come_back_as_they_were(open_store: OpenConstraints) -> None:
    async with open_store() as store:
        kept = await store.put_instance(FULL_INSTANCE, warnings=["lead_time: ?"], at=T0)
        assert kept == KeptConstraint(
            constraint=FULL_INSTANCE, warnings=("lead_time: ?",), created_at=T0, updated_at=T0
        )
        assert await store.get(INSTANCE, "i1") == kept
        assert (await store.put_group(FULL_GROUP, at=T0)).constraint == FULL_GROUP
        assert await store.all_for(["red"]) == ConstraintSet(
            instances=(FULL_INSTANCE,), groups=(FULL_GROUP,)
        )


async def check_a_put_replaces_everything_but_the_time_of_creation(
    open_store: OpenConstraints,
) -> None:
    async with open_store() as store:
        await store.put_instance(FULL_INSTANCE, warnings=["old"], at=T0)
        new = _instance("i1", "blue")
        kept = await store.put_instance(new, at=LATER)
        assert kept == KeptConstraint(constraint=new, created_at=T0, updated_at=LATER)
        assert await store.get(INSTANCE, "i1") == kept


async def check_instances_and_groups_do_not_meet(open_store: OpenConstraints) -> None:
    async with open_store() as store:
        await store.put_instance(_instance("x"), at=T0)
        assert await store.get(GROUP, "x") is None
        assert not await store.delete(GROUP, "x", at=T0)
        assert await store.delete(INSTANCE, "x", at=T0)
        assert await store.get(INSTANCE, "x") is None


async def check_lists_come_in_pages_and_by_project(open_store: OpenConstraints) -> None:
    async with open_store() as store:
        for n in (3, 1, 4, 2):
            await store.put_instance(_instance(f"i{n}", "red" if n < 4 else "blue"), at=T0)
        await store.put_group(FULL_GROUP, at=T0)

        async def ids(project_id: str = "", after: str = "", limit: int = 100) -> list[str]:
            page = await store.list(INSTANCE, project_id=project_id, after=after, limit=limit)
            constraints = [kept.constraint for kept in page]
            return [c.instance_id for c in constraints if isinstance(c, InstanceConstraint)]

        assert await ids() == ["i1", "i2", "i3", "i4"]
        assert await ids(after="i1", limit=2) == ["i2", "i3"]
        assert await ids(project_id="red", after="i2") == ["i3"]


async def check_all_is_of_some_projects_and_of_none(open_store: OpenConstraints) -> None:
    async with open_store() as store:
        for name, project_id in (("i1", "red"), ("i2", "blue"), ("i3", ""), ("i4", "green")):
            await store.put_instance(_instance(name, project_id), at=T0)
        found = await store.all_for({"red", "blue", "nobody"})
        assert [each.instance_id for each in found.instances] == ["i1", "i2", "i3"]


async def check_the_version_grows_with_every_change(open_store: OpenConstraints) -> None:
    async with open_store() as store:
        versions = [await store.version()]
        for change in (
            store.put_instance(_instance("i1"), at=T0),
            store.put_instance(_instance("i1", lead_time=1), at=T0),
            store.delete(INSTANCE, "i1", at=T0),
        ):
            await change
            versions.append(await store.version())
        assert versions == sorted(set(versions)), versions
        await store.delete(INSTANCE, "i1", at=T0)
        await store.get(INSTANCE, "i1")
        assert await store.version() == versions[-1]


async def check_nobody_changes_what_is_of_another_project(open_store: OpenConstraints) -> None:
    async with open_store() as store:
        await store.put_instance(_instance("i1", "red"), at=T0)
        before = await store.version()
        await _is_refused(store.put_instance(_instance("i1", "blue"), at=T0, only_of="blue"))
        await _is_refused(store.delete(INSTANCE, "i1", at=T0, only_of="blue"))
        kept = await store.get(INSTANCE, "i1")
        assert kept is not None
        assert kept.constraint.project_id == "red"
        assert await store.version() == before
        assert await store.delete(INSTANCE, "i1", at=T0, only_of="red")


async def check_what_is_of_no_project_any_may_take(open_store: OpenConstraints) -> None:
    async with open_store() as store:
        await store.put_instance(_instance("i1", ""), at=T0)
        kept = await store.put_instance(_instance("i1", "blue"), at=T0, only_of="blue")
        assert kept.constraint.project_id == "blue"


async def check_a_request_is_done_once(open_store: OpenConstraints) -> None:
    """A repetition that arrives late must not undo what came after the first."""
    async with open_store() as store:
        first = await store.put_instance(_instance("i1", lead_time=1), at=T0, request_key="a")
        await store.put_instance(_instance("i1", lead_time=2), at=LATER)
        late = await store.put_instance(_instance("i1", lead_time=1), at=LATER, request_key="a")
        assert late == first
        kept = await store.get(INSTANCE, "i1")
        assert kept is not None
        assert kept.constraint == _instance("i1", lead_time=2)
        assert await store.delete(INSTANCE, "i1", at=T0, request_key="b")
        await store.put_instance(_instance("i1"), at=LATER)
        assert await store.delete(INSTANCE, "i1", at=LATER, request_key="b")
        assert await store.get(INSTANCE, "i1") is not None


async def check_many_at_once_all_arrive(open_store: OpenConstraints) -> None:
    async with open_store() as store:
        before = await store.version()
        await asyncio.gather(
            *(store.put_instance(_instance(f"i{n:03}"), at=T0) for n in range(200))
        )
        assert len(await store.list(INSTANCE, limit=1000)) == 200
        assert await store.version() == before + 200


async def check_others_see_what_was_put(open_store: OpenConstraints) -> None:
    async with open_store() as one, open_store() as other:
        before = await other.version()
        await one.put_instance(FULL_INSTANCE, at=T0)
        assert await other.version() > before
        assert await other.all_for(["red"]) == ConstraintSet(instances=(FULL_INSTANCE,))
        await other.put_group(FULL_GROUP, at=T0)
    async with open_store() as later:
        assert await later.all_for(["red"]) == ConstraintSet(
            instances=(FULL_INSTANCE,), groups=(FULL_GROUP,)
        )


#: These open the store once.
CONSTRAINT_CHECKS: Sequence[ConstraintCheck] = (
    check_an_empty_store_has_nothing,
    check_constraints_come_back_as_they_were,
    check_a_put_replaces_everything_but_the_time_of_creation,
    check_instances_and_groups_do_not_meet,
    check_lists_come_in_pages_and_by_project,
    check_all_is_of_some_projects_and_of_none,
    check_the_version_grows_with_every_change,
    check_nobody_changes_what_is_of_another_project,
    check_what_is_of_no_project_any_may_take,
    check_a_request_is_done_once,
    check_many_at_once_all_arrive,
)
#: These open it several times.
SHARED_CONSTRAINT_CHECKS: Sequence[ConstraintCheck] = (check_others_see_what_was_put,)
