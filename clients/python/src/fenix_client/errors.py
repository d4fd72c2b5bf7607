"""What a failed call tells: the google.rpc.Status of the answer as one exception with readable text.

Nothing here knows a particular call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status


class CallFailed(Exception):
    """A call was answered with an error, or not at all. The text is for the person who must act."""

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        *,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        fields: Mapping[str, str] | None = None,
        preconditions: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        #: What kind of error it is.
        self.code = code
        self.message = message
        #: fenix's own word for it, such as `SESSION_NOT_FOUND`; empty when no server answered.
        self.reason = reason
        #: Facts that go with `reason`.
        self.metadata = dict(metadata or {})
        #: Wrong fields of the request, each with what is wrong.
        self.fields = dict(fields or {})
        #: What would have to be different first.
        self.preconditions = preconditions

    @property
    def answered(self) -> bool:
        """True when a fenix server said it; false when the connection did not get so far."""
        return bool(self.reason)

    @classmethod
    def of(cls, error: grpc.aio.AioRpcError) -> CallFailed:
        """What an error of grpc.aio means."""
        status = rpc_status.from_call(cast(grpc.Call, error))
        if status is None:
            return cls(error.code(), error.details() or error.code().name)
        info = error_details_pb2.ErrorInfo()
        bad = error_details_pb2.BadRequest()
        unmet = error_details_pb2.PreconditionFailure()
        for detail in status.details:
            for kind in (info, bad, unmet):
                if detail.Is(kind.DESCRIPTOR):
                    detail.Unpack(kind)
        return cls(
            error.code(),
            status.message,
            reason=info.reason,
            metadata=info.metadata,
            fields={v.field: v.description for v in bad.field_violations},
            preconditions=tuple(v.description for v in unmet.violations),
        )
