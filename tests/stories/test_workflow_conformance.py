"""The bundled workflows keep the contract of workflow plug-ins, and one that breaks it is found."""

from dataclasses import replace

import pytest

from fenix_grpc.core.decision import IllegalTransition
from fenix_grpc.core.model import SessionState as S
from fenix_grpc.testing_workflow import WORKFLOW_CHECKS, Subject
from fenix_grpc.testing_workflow import carries_a_session_to_its_end as carries
from fenix_grpc.testing_workflow import names_every_state_it_enters as names
from fenix_grpc.testing_workflow import says_what_it_waits_for as says
from tests.stories.world import WORKFLOWS


@pytest.mark.parametrize("check", WORKFLOW_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("workflow", WORKFLOWS.values(), ids=lambda w: w.name)
async def test_bundled(workflow, check):
    await check(Subject(workflow=workflow))


async def test_a_table_with_a_hole_is_found():
    workflow = WORKFLOWS["default"]
    table = {**workflow.transitions, S.MAINTENANCE: frozenset({S.START_MAINTENANCE})}
    with pytest.raises(AssertionError, match="must be able to fail"):
        await names(Subject(workflow=replace(workflow, transitions=table)))


async def test_a_workflow_that_leaves_its_table_is_found():
    workflow = WORKFLOWS["default"]
    table = {**workflow.transitions, S.MAINTENANCE: frozenset({S.MAINTENANCE_FAILED})}
    with pytest.raises((AssertionError, IllegalTransition), match="defect of a workflow"):
        await carries(Subject(workflow=replace(workflow, transitions=table)))


async def test_a_workflow_that_keeps_silent_is_found():
    workflow = WORKFLOWS["default"]

    def silent(session, now):
        return replace(workflow.decide(session, now), waiting=())

    with pytest.raises(AssertionError, match="nothing waited for"):
        await says(Subject(workflow=replace(workflow, decide=silent)))
