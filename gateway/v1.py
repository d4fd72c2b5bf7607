"""The v1 REST API as a table over the RPCs: how the documented paths differ from the plain mapping, and nowhere else.

The documents, the old code and the clients in the field differ from each other; a client of any of them must work here:

    D1   update is POST in the oldest document, PUT since        both, in the proto annotations
    D2   paths with and without a trailing slash                 both, without a redirect (rules.py)
    D3   no /v1 in front                                         alias of /maintenance... (rules.py)
    D4   no /detail and no reply for one instance                both exist
    D5   404 only, later 400, 422, 500, 509                      the codes below
    D6   list: `session_id` or `sessions`                        both keys, the same list
    D7   get: `state`, later `session_id` too                    both, and more
    D8   `hosts` mandatory, later optional                       optional; null and [] mean all
    D9   `download` of strings or objects                        both (with D10)
    D11  `actions[].type`: three words, later five               five, in either case
    D12  `actions[].metadata` mandatory, missing in the sample   optional
    D13  order of actions                                        alphabetical, decided by the workflow
    D14  `state` of create mandatory, ignored                    optional; only MAINTENANCE
    D15  `workflow` mandatory, with a default                    optional
    D16  workflow `nfv`                                          means `vnf`
    D17  `maintenance_at` with a blank or a T, with a zone       all; no zone means UTC
    D18  `instance_actions` or `instance_action`                 either, as object or word, on either URL; without an
                                                                 instance for all that is open of the project
    D19  `session_id`, `instance_ids` in replies                 ignored, as other unknown keys of replies
    D20  reply without an action                                 what the constraint says, else MIGRATE
    D21  MIGRATION, LIVE_MIGRATION                               mean MIGRATE, LIVE_MIGRATE
    D22  `projet_id`                                             a misprint in the document's path
    D23  constraint values as text: `"60,"`, `"True,"`           read as meant, with a warning (v1_constraints.py)
    D24  200 or 204 on delete                                    200, as for every success

Clients in the field take only 200 for success, and treat 404, 422 and 509 as below; a session that is not in the state
for the request is 422 as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from google.rpc import code_pb2

from gateway import v1_constraints, v1_plans, v1_requests, v1_responses
from gateway.errors import ErrorView
from gateway.transcode import Fields
from gateway.v1_requests import Instead

#: v1 clients read `error` in every body, also for paths that the documents do not know.
ERRORS = ErrorView(legacy=True)

_DOCUMENTED = ErrorView(
    legacy=True,
    status={
        code_pb2.INVALID_ARGUMENT: 422,
        code_pb2.FAILED_PRECONDITION: 422,
        code_pb2.OUT_OF_RANGE: 422,
    },
    text={code_pb2.NOT_FOUND: "Invalid session"},
)
_CREATE = ErrorView(
    legacy=True,
    status={**_DOCUMENTED.status, code_pb2.RESOURCE_EXHAUSTED: 509},
    text={code_pb2.RESOURCE_EXHAUSTED: "Too many sessions"},
)


def _as_it_is(said: Fields) -> Fields:
    return said


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How one RPC looks to v1 clients."""

    #: From what was said (body, query and path merged) to the fields of the request message.
    request: Callable[[Fields], Fields | Instead] = _as_it_is
    #: From the response message and the request's body to the JSON of the answer.
    response: Callable[[Any, Any], Any]
    errors: ErrorView = _DOCUMENTED


VIEWS: Mapping[str, View] = {
    "/fenix.v1.SessionService/CreateSession": View(
        request=v1_requests.create, response=v1_responses.created, errors=_CREATE
    ),
    "/fenix.v1.SessionService/ListSessions": View(
        request=v1_requests.list_all, response=v1_responses.listed
    ),
    "/fenix.v1.SessionService/GetSession": View(response=v1_responses.session),
    "/fenix.v1.SessionService/GetSessionDetail": View(response=v1_responses.detail),
    "/fenix.v1.SessionService/UpdateSession": View(
        request=v1_requests.update, response=v1_responses.session
    ),
    "/fenix.v1.SessionService/DeleteSession": View(response=v1_responses.deleted),
    "/fenix.v1.SessionService/PlanSession": View(
        request=v1_requests.plan, response=v1_plans.planned
    ),
    "/fenix.v1.ProjectService/GetProjectSession": View(response=v1_responses.asked),
    "/fenix.v1.ProjectService/ReplyProjectSession": View(
        request=v1_requests.reply, response=v1_responses.echo
    ),
    "/fenix.v1.ConstraintService/GetInstanceConstraint": View(response=v1_constraints.instance),
    "/fenix.v1.ConstraintService/ListInstanceConstraints": View(
        request=v1_requests.list_all, response=v1_constraints.instances
    ),
    "/fenix.v1.ConstraintService/SetInstanceConstraint": View(
        request=v1_constraints.set_instance, response=v1_constraints.instance
    ),
    "/fenix.v1.ConstraintService/DeleteInstanceConstraint": View(response=v1_responses.deleted),
    "/fenix.v1.ConstraintService/GetGroupConstraint": View(response=v1_constraints.group),
    "/fenix.v1.ConstraintService/ListGroupConstraints": View(
        request=v1_requests.list_all, response=v1_constraints.groups
    ),
    "/fenix.v1.ConstraintService/SetGroupConstraint": View(
        request=v1_constraints.set_group, response=v1_constraints.group
    ),
    "/fenix.v1.ConstraintService/DeleteGroupConstraint": View(response=v1_responses.deleted),
}
