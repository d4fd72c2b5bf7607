"""The one map from what went wrong to google.rpc.Status, as every client sees it over every door."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from uuid import uuid4

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import code_pb2
from google.rpc.error_details_pb2 import (
    BadRequest,
    ErrorInfo,
    PreconditionFailure,
    QuotaFailure,
    ResourceInfo,
    RetryInfo,
)
from google.rpc.status_pb2 import Status

from fenix_grpc.api.convert import snake_case
from fenix_grpc.core import errors

logger = logging.getLogger(__name__)

DOMAIN = "fenix"

#: The most specific class wins; a new error without a line here is a failure of tests/api/test_status.py.
CODES: Mapping[type[errors.FenixError], int] = {
    errors.InvalidRequest: code_pb2.INVALID_ARGUMENT,
    errors.NotFound: code_pb2.NOT_FOUND,
    errors.WrongState: code_pb2.FAILED_PRECONDITION,
    errors.TooMany: code_pb2.RESOURCE_EXHAUSTED,
    errors.TookTooLong: code_pb2.DEADLINE_EXCEEDED,
    errors.TooSlow: code_pb2.RESOURCE_EXHAUSTED,
    errors.NotAllowed: code_pb2.PERMISSION_DENIED,
    errors.NotAuthenticated: code_pb2.UNAUTHENTICATED,
    errors.IdentityUnavailable: code_pb2.UNAVAILABLE,
    errors.TokenTooOld: code_pb2.OUT_OF_RANGE,
    errors.Conflict: code_pb2.ABORTED,
    errors.LeaseLost: code_pb2.ABORTED,
    errors.StoreUnavailable: code_pb2.UNAVAILABLE,
    errors.JournalUnreadable: code_pb2.DATA_LOSS,
    errors.ShuttingDown: code_pb2.UNAVAILABLE,
    errors.NotDelivered: code_pb2.UNAVAILABLE,
    errors.CloudUnavailable: code_pb2.UNAVAILABLE,
    errors.CloudRefused: code_pb2.FAILED_PRECONDITION,
    errors.PackageUnavailable: code_pb2.UNAVAILABLE,
    errors.PackageRefused: code_pb2.FAILED_PRECONDITION,
}

#: When to try again after UNAVAILABLE.
_RETRY_S = 1


class RpcFailure(Exception):
    """A call that did not end with OK; the only exception that leaves the call chain."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.message)
        self.status = status


def code_of(err: BaseException) -> int | None:
    """The google.rpc.Code of an expected error; None for any other."""
    return next((CODES[kind] for kind in type(err).__mro__ if kind in CODES), None)


def to_status(err: Exception, method: str) -> Status:
    """What the client is told. An error that nobody expected is logged; the client gets the number to look for."""
    code = code_of(err)
    if code is None:
        incident = uuid4().hex[:12]
        logger.error("incident %s in %s", incident, method, exc_info=err)
        message = f"internal error, incident {incident}"
        info = ErrorInfo(reason="INTERNAL", domain=DOMAIN, metadata={"incident": incident})
        return _status(code_pb2.INTERNAL, message, info)
    metadata = _facts(err)
    reason = snake_case(type(err).__name__).upper()
    info = ErrorInfo(reason=reason, domain=DOMAIN, metadata=metadata)
    return _status(code, str(err), info, *_details(err, code))


def _facts(err: Exception) -> dict[str, str]:
    """What ErrorInfo holds besides the reason."""
    if isinstance(err, errors.TokenTooOld):
        return {"oldest": err.oldest}
    return {"token": err.token} if isinstance(err, errors.TooSlow) else {}


def _details(err: Exception, code: int) -> tuple[Message, ...]:
    """What fits the error besides ErrorInfo."""
    if isinstance(err, errors.InvalidRequest):
        violation = BadRequest.FieldViolation(field=err.field, description=err.problem)
        return (BadRequest(field_violations=[violation]),)
    if isinstance(err, errors.NotFound):
        return (ResourceInfo(resource_type=err.kind, resource_name=err.name, description=str(err)),)
    if code == code_pb2.FAILED_PRECONDITION:
        failed = PreconditionFailure.Violation(type="STATE", description=str(err))
        return (PreconditionFailure(violations=[failed]),)
    if isinstance(err, errors.TooMany):
        failure = QuotaFailure.Violation(subject=err.quota, description=str(err))
        quota = QuotaFailure(violations=[failure])
        return (quota, _retry(err.retry_s)) if err.retry_s else (quota,)
    if code == code_pb2.UNAVAILABLE:
        return (_retry(_RETRY_S),)
    return ()


def _retry(seconds: float) -> RetryInfo:
    delay = Duration()
    delay.FromNanoseconds(int(seconds * 1e9))
    return RetryInfo(retry_delay=delay)


def _status(code: int, message: str, *details: Message) -> Status:
    status = Status(code=code, message=message)
    for detail in details:
        status.details.add().Pack(detail)
    return status
