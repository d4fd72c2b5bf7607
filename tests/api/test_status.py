"""Every error of the domain has its code and its details; what nobody expected tells nothing but a number."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2

from fenix_grpc.api.status import CODES, to_status
from fenix_grpc.core import errors

EXAMPLES: list[tuple[errors.FenixError, str, str]] = [
    (errors.InvalidRequest("hosts", "is wrong"), "INVALID_ARGUMENT", "INVALID_REQUEST"),
    (errors.NotFound("session", "s1"), "NOT_FOUND", "NOT_FOUND"),
    (errors.WrongState("has not failed"), "FAILED_PRECONDITION", "WRONG_STATE"),
    (errors.TooMany("3 are there"), "RESOURCE_EXHAUSTED", "TOO_MANY"),
    (errors.TookTooLong("1 s"), "DEADLINE_EXCEEDED", "TOOK_TOO_LONG"),
    (errors.TooSlow("17", 30), "RESOURCE_EXHAUSTED", "TOO_SLOW"),
    (errors.NotAllowed("not you"), "PERMISSION_DENIED", "NOT_ALLOWED"),
    (errors.NotAuthenticated("who?"), "UNAUTHENTICATED", "NOT_AUTHENTICATED"),
    (errors.IdentityUnavailable("away"), "UNAVAILABLE", "IDENTITY_UNAVAILABLE"),
    (errors.TokenTooOld("17"), "OUT_OF_RANGE", "TOKEN_TOO_OLD"),
    (errors.Conflict("later"), "ABORTED", "CONFLICT"),
    (errors.LeaseLost("session s1 is held by other now"), "ABORTED", "LEASE_LOST"),
    (errors.StoreUnavailable("away"), "UNAVAILABLE", "STORE_UNAVAILABLE"),
    (errors.JournalUnreadable("newer"), "DATA_LOSS", "JOURNAL_UNREADABLE"),
    (errors.ShuttingDown("stops"), "UNAVAILABLE", "SHUTTING_DOWN"),
    (errors.NotDelivered("refused"), "UNAVAILABLE", "NOT_DELIVERED"),
    (errors.CloudUnavailable("away"), "UNAVAILABLE", "CLOUD_UNAVAILABLE"),
    (errors.CloudRefused("no"), "FAILED_PRECONDITION", "CLOUD_REFUSED"),
    (errors.PackageUnavailable("away"), "UNAVAILABLE", "PACKAGE_UNAVAILABLE"),
    (errors.PackageRefused("no"), "FAILED_PRECONDITION", "PACKAGE_REFUSED"),
]


def detail(status: Any, kind: type[Message]) -> Any:
    found = kind()
    assert any(each.Unpack(found) for each in status.details), f"no {kind.__name__}"
    return found


@pytest.mark.parametrize(("error", "code", "reason"), EXAMPLES, ids=lambda x: str(x)[:20])
def test_an_error_of_the_domain_is_told_with_its_reason(
    error: errors.FenixError, code: str, reason: str
) -> None:
    status = to_status(error, "/m")
    assert code_pb2.Code.Name(status.code) == code
    assert status.message == str(error)
    info = detail(status, error_details_pb2.ErrorInfo)
    assert (info.domain, info.reason) == ("fenix", reason)


def test_every_error_of_the_domain_has_its_code() -> None:
    def leaves(kind: type) -> set[type]:
        below = [sub for sub in kind.__subclasses__() if sub.__module__ == errors.__name__]
        return set().union(*map(leaves, below)) if below else {kind}

    assert leaves(errors.FenixError) == CODES.keys() == {type(error) for error, *_ in EXAMPLES}


def test_details_say_what_is_wrong() -> None:
    bad = detail(to_status(errors.InvalidRequest("hosts", "x"), "/m"), error_details_pb2.BadRequest)
    assert [(v.field, v.description) for v in bad.field_violations] == [("hosts", "x")]
    missing = to_status(errors.NotFound("session", "s1"), "/m")
    resource = detail(missing, error_details_pb2.ResourceInfo)
    assert (resource.resource_type, resource.resource_name) == ("session", "s1")
    state = to_status(errors.WrongState("has not failed"), "/m")
    failed = detail(state, error_details_pb2.PreconditionFailure)
    assert [v.description for v in failed.violations] == ["has not failed"]
    away = to_status(errors.StoreUnavailable("away"), "/m")
    assert detail(away, error_details_pb2.RetryInfo).retry_delay.seconds == 1
    old = to_status(errors.TokenTooOld("17"), "/m")
    assert detail(old, error_details_pb2.ErrorInfo).metadata["oldest"] == "17"


def test_what_nobody_expected_is_logged_and_only_its_number_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        status = to_status(ZeroDivisionError("secret of the database"), "/m")
    assert code_pb2.Code.Name(status.code) == "INTERNAL"
    assert "secret" not in str(status)
    incident = detail(status, error_details_pb2.ErrorInfo).metadata["incident"]
    assert incident in status.message
    assert incident in caplog.text
    assert "secret of the database" in caplog.text
