"""The methods of the contract, read from its descriptors: nothing is listed twice.

A handler of CreateSession is called `create_session`, whatever object it belongs to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from fenix_grpc.api.convert import snake_case
from fenix_grpc.v1 import constraint_service_pb2, project_service_pb2, session_service_pb2


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One RPC."""

    #: As gRPC spells it: `/fenix.v1.SessionService/GetSession`.
    full_name: str
    service: str
    name: str
    request: type[Message]
    response: type[Message]
    #: The server sends a stream of responses.
    streams: bool

    @property
    def handler(self) -> str:
        """What its handler is called."""
        return snake_case(self.name)


def _methods(*modules: Any) -> Mapping[str, Method]:
    found = [
        Method(
            full_name=f"/{service.full_name}/{method.name}",
            service=service.full_name,
            name=method.name,
            request=GetMessageClass(method.input_type),
            response=GetMessageClass(method.output_type),
            streams=method.server_streaming,
        )
        for module in modules
        for service in module.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    ]
    return {method.full_name: method for method in found}


#: By full name.
METHODS = _methods(session_service_pb2, project_service_pb2, constraint_service_pb2)
