"""Reads the google.api.http annotations of services and finds the one that fits a request.

The proto files are the only place where paths are written down. Everything is compiled once, at start; an annotation
that this transcoder does not implement is an error then, not a surprise later. Looking up is a walk over a tree of path
segments in which a literal beats a variable.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from google.api import annotations_pb2
from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message

from fenix_grpc.v1 import constraint_service_pb2, project_service_pb2, session_service_pb2

#: The services of fenix.
SERVICES: tuple[ServiceDescriptor, ...] = (
    session_service_pb2.DESCRIPTOR.services_by_name["SessionService"],
    project_service_pb2.DESCRIPTOR.services_by_name["ProjectService"],
    constraint_service_pb2.DESCRIPTOR.services_by_name["ConstraintService"],
)

_VERBS = {"get": "GET", "put": "PUT", "post": "POST", "delete": "DELETE", "patch": "PATCH"}
_VARIABLE = re.compile(r"\{([a-z0-9_]+)\}")
_LITERAL = re.compile(r"[A-Za-z0-9_.~-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """An RPC."""

    #: As gRPC spells it: `/fenix.v1.SessionService/GetSession`.
    name: str
    request: type[Message]
    response: type[Message]
    streaming: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """One HTTP verb and path of an RPC."""

    method: Method
    verb: str
    template: str
    #: Fields of the request in the order of the path's variable segments.
    variables: tuple[str, ...]
    #: "" (no body), "*" (the whole request) or the name of a field.
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a path leads to."""

    #: By HTTP verb; never empty.
    bindings: Mapping[str, Binding]
    #: The decoded variable segments.
    values: tuple[str, ...]


@dataclass(slots=True)
class _Node:
    literals: dict[str, _Node] = field(default_factory=dict)
    variable: _Node | None = None
    #: By custom verb ("" for none), then by HTTP verb.
    ends: dict[str, dict[str, Binding]] = field(default_factory=dict)


class Routes:
    """All bindings, ready to be searched."""

    def __init__(self, bindings: Iterable[Binding]) -> None:
        self._root = _Node()
        for binding in bindings:
            self._add(binding)

    def find(self, raw_path: str) -> Found | None:
        """`raw_path` is percent-encoded; one trailing slash is ignored (D2). None when nothing is there.

        Raises UnicodeDecodeError when it does not decode to UTF-8.
        """
        segments = raw_path.removesuffix("/").split("/")[1:]
        if not segments:
            return None
        last, colon, verb = segments[-1].rpartition(":")
        if colon:
            found = _walk(self._root, _decoded([*segments[:-1], last]), verb, ())
            if found is not None:
                return found
        return _walk(self._root, _decoded(segments), "", ())

    def _add(self, binding: Binding) -> None:
        path, custom_verb = _split_verb(binding.template)
        node = self._root
        for segment in path:
            if _VARIABLE.fullmatch(segment):
                node.variable = node.variable or _Node()
                node = node.variable
            else:
                node = node.literals.setdefault(segment, _Node())
        verbs = node.ends.setdefault(custom_verb, {})
        if binding.verb in verbs:
            raise ValueError(f"{binding.verb} {binding.template} is bound twice")
        verbs[binding.verb] = binding


def methods(services: Sequence[ServiceDescriptor] = SERVICES) -> dict[str, Method]:
    """All RPCs of the services by full name."""
    found = (_method(rpc) for service in services for rpc in service.methods)
    return {method.name: method for method in found}


def routes(services: Sequence[ServiceDescriptor] = SERVICES, *, aliases: bool = True) -> Routes:
    """The bindings of all RPCs. With `aliases`, `/maintenance...` means `/v1/maintenance...` (D3).

    Raises ValueError for an annotation that cannot be served.
    """
    return Routes(
        binding
        for service in services
        for rpc in service.methods
        for binding in bindings(rpc, aliases=aliases)
    )


def bindings(rpc: MethodDescriptor, *, aliases: bool) -> Iterable[Binding]:
    """The bindings of one RPC, in the order of its annotation."""
    options: Any = rpc.GetOptions()
    first = options.Extensions[annotations_pb2.http]
    for rule in (first, *first.additional_bindings):
        if rule.WhichOneof("pattern") is None:
            continue
        binding = _binding(rpc, rule)
        yield binding
        if aliases and binding.template.startswith("/v1/maintenance"):
            yield Binding(
                method=binding.method,
                verb=binding.verb,
                template=binding.template.removeprefix("/v1"),
                variables=binding.variables,
                body=binding.body,
            )


def _walk(
    node: _Node, segments: Sequence[str], custom_verb: str, values: tuple[str, ...]
) -> Found | None:
    if not segments:
        bindings = node.ends.get(custom_verb)
        return Found(bindings=bindings, values=values) if bindings else None
    head, rest = segments[0], segments[1:]
    literal = node.literals.get(head)
    if literal is not None:
        found = _walk(literal, rest, custom_verb, values)
        if found is not None:
            return found
    if node.variable is not None and head:
        return _walk(node.variable, rest, custom_verb, (*values, head))
    return None


def _decoded(segments: list[str]) -> list[str]:
    """Decodes after the path was split, so an encoded slash stays inside its segment."""
    return [unquote(s, errors="strict") if "%" in s else s for s in segments]


def _method(rpc: MethodDescriptor) -> Method:
    if rpc.client_streaming:
        raise ValueError(f"{rpc.full_name}: client streams have no REST form")
    return Method(
        name=f"/{rpc.containing_service.full_name}/{rpc.name}",
        request=message_factory.GetMessageClass(rpc.input_type),
        response=message_factory.GetMessageClass(rpc.output_type),
        streaming=rpc.server_streaming,
    )


def _binding(rpc: MethodDescriptor, rule: Any) -> Binding:
    pattern = rule.WhichOneof("pattern")
    if pattern not in _VERBS or rule.response_body:
        raise ValueError(f"{rpc.full_name}: custom verbs and response_body are not implemented")
    template = getattr(rule, pattern)
    variables = []
    for segment in _split_verb(template)[0]:
        variable = _VARIABLE.fullmatch(segment)
        if variable:
            _check_field(rpc.input_type, variable[1], template)
            variables.append(variable[1])
        elif not _LITERAL.fullmatch(segment):
            raise ValueError(
                f"{rpc.full_name}: segment {segment!r} of {template} is not implemented"
            )
    if rule.body not in ("", "*"):
        _check_field(rpc.input_type, rule.body, template)
    return Binding(
        method=_method(rpc),
        verb=_VERBS[pattern],
        template=template,
        variables=tuple(variables),
        body=rule.body,
    )


def _split_verb(template: str) -> tuple[list[str], str]:
    """`/v1/{id}:watch` -> (["v1", "{id}"], "watch")."""
    path, _, custom_verb = template.partition(":")
    return path.split("/")[1:], custom_verb


def _check_field(message: Descriptor, name: str, template: str) -> None:
    if name not in message.fields_by_name:
        raise ValueError(f"{template}: the request has no field {name}")
