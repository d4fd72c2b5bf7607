"""The OpenAPI document of what the gateway answers: for v1 clients, or in the standard mapping.

Pure: from descriptors, comments and views to one JSON object. Statuses are those that the views really give to the
google.rpc.Codes that the comments of an RPC name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from google.protobuf.descriptor import (
    Descriptor,
    FieldDescriptor,
    MethodDescriptor,
    ServiceDescriptor,
)

from gateway import rules, v1
from gateway.contract import comments
from gateway.contract.comments import Comments
from gateway.contract.refusals import STATUS, V1_ERROR, Refusals, json_content
from gateway.contract.schemas import Json, Schemas, is_required
from gateway.contract.v1 import V1Schemas
from gateway.errors import ErrorView
from gateway.rules import Binding

_TIMESTAMP = "google.protobuf.Timestamp"
_V1 = (
    "The REST API of fenix as v1 clients know it: snake_case keys, bare words, null for what is not set. Whoever sends "
    "`Accept: application/json;profile=standard` gets the standard JSON mapping of the contract instead, and with "
    "the same header this path describes that. Paths may end with a slash, and those below /v1/maintenance work "
    "without /v1 too."
)
_STANDARD = (
    "The REST API of fenix in the standard JSON mapping of the contract, for clients that send "
    "`Accept: application/json;profile=standard`: lowerCamelCase keys (snake_case is taken too), full names of enum "
    "values, 64 bit numbers as text. Without that header the answers are those that v1 clients know, and this path "
    "describes them. Paths may end with a slash, and those below /v1/maintenance work without /v1 too."
)


def document(
    said: Comments, *, view: str, services: Sequence[ServiceDescriptor] = rules.SERVICES
) -> Json:
    """View `v1` or `standard`, as of `gateway.create_app`."""
    writer = _Writer(said, services, legacy=view == "v1")
    paths: dict[str, Json] = {}
    for service in services:
        for method in service.methods:
            for number, binding in enumerate(rules.bindings(method, aliases=False)):
                operation = writer.operation(method, binding, number)
                paths.setdefault(binding.template, {})[binding.verb.lower()] = operation
    paths["/healthz"] = {"get": _HEALTH}
    writer.complete(paths)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "fenix",
            "version": "v1",
            "description": _V1 if view == "v1" else _STANDARD,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [
            {"name": service.name, "description": said.get(service.full_name, "")}
            for service in services
        ],
        "paths": paths,
        "components": {
            "responses": dict(sorted(writer.refusals.responses.items())),
            "schemas": dict(sorted(writer.components.items())),
        },
    }


_HEALTH: Json = {
    "operationId": "Health",
    "summary": "Says that the gateway answers.",
    "responses": {
        "200": {
            "description": "It does.",
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "properties": {"status": {"const": "ok"}},
                        "required": ["status"],
                    }
                }
            },
        },
    },
}


class _Writer:
    def __init__(
        self, said: Comments, services: Sequence[ServiceDescriptor], *, legacy: bool
    ) -> None:
        self.components: dict[str, Json] = {"Status": STATUS}
        if legacy:
            self.components["v1.Error"] = V1_ERROR
        self.refusals = Refusals()
        self._said = said
        self._messages = {
            name: message
            for service in services
            for file in (service.file, *service.file.dependencies)
            for name, message in file.message_types_by_name.items()
        }
        self._views: Mapping[str, v1.View] = v1.VIEWS if legacy else {}
        self._legacy = legacy
        self._standard = Schemas(said, self.components)
        self._v1 = V1Schemas(said, self.components)
        self._names = self._v1 if legacy else self._standard

    def operation(self, method: MethodDescriptor, binding: Binding, number: int) -> Json:
        said = comments.of_method(
            self._said.get(method.full_name, ""),
            self._said.get(method.containing_service.full_name, ""),
        )
        view = self._views.get(binding.method.name)
        schemas = self._v1 if view else self._standard
        errors = view.errors if view else v1.ERRORS if self._legacy else ErrorView()
        summary, _, more = said.text.partition("\n\n")
        operation: Json = {
            "operationId": method.name + (f"_{number + 1}" if number else ""),
            "tags": [method.containing_service.name],
            "summary": summary,
            "description": "\n\n".join(filter(None, [more, f"Callers: {said.callers}."])),
            "parameters": list(self._parameters(method, binding)),
        }
        if binding.body:
            operation["requestBody"] = self._body(method.input_type, binding, schemas)
        operation["responses"] = {
            "200": self._success(method, schemas),
            **self.refusals.of(said.errors, errors, with_body=bool(binding.body)),
        }
        return operation

    def complete(self, paths: Json) -> None:
        """Adds what schemas written by hand refer to."""
        missing = _references([paths, self.components]) - self.components.keys()
        for name in sorted(missing):
            message = self._messages[name.removesuffix(".Input")]
            self._standard.of_message(message, request=name.endswith(".Input"))

    def _parameters(self, method: MethodDescriptor, binding: Binding) -> Iterator[Json]:
        fields = method.input_type.fields_by_name
        for name in binding.variables:
            schema = self._standard.of_field(fields[name], request=True)
            text: Json = {"type": "string", "minLength": 1}
            yield _parameter(name, "path", {**text, **_only(schema, "description", "maxLength")})
        if binding.body == "*":
            return
        for field in self._in_query(method.input_type, binding):
            schema = self._standard.of_field(field, request=True)
            if "type" in schema:
                schema["type"] = _without_null(schema["type"])
            elif "anyOf" in schema:
                schema = {**_only(schema, "description"), **schema["anyOf"][0]}
            if method.server_streaming and field.name == "follow":
                schema["default"] = True
            key = self._names.key(field)
            yield _parameter(key, "query", schema, required=is_required(field))
        if method.server_streaming:
            token = "The token of the last message that was seen; the same as `after`."
            yield _parameter("Last-Event-ID", "header", {"type": "string", "description": token})

    def _in_query(self, message: Descriptor, binding: Binding) -> Iterator[FieldDescriptor]:
        """What can be said in the query: fields that are elsewhere, or exclude what is in the body, cannot. Those of
        messages within could (`a.b=1`), but that is nothing to advertise."""
        body = message.fields_by_name.get(binding.body)
        oneof = body.containing_oneof if body is not None else None
        for field in message.fields:
            elsewhere = field is body or field.name in binding.variables
            excluded = oneof is not None and field.containing_oneof is oneof
            simple = field.message_type is None or field.message_type.full_name == _TIMESTAMP
            if simple and not (elsewhere or excluded or field.name == "warnings"):
                yield field

    def _body(self, message: Descriptor, binding: Binding, schemas: Schemas) -> Json:
        if binding.body != "*":
            inner: Any = message.fields_by_name[binding.body].message_type
            return json_content(schemas.of_message(inner, request=True), required=True)
        in_path = [schemas.key(message.fields_by_name[name]) for name in binding.variables]
        return json_content(_less(schemas.written(message, request=True), in_path), required=True)

    def _success(self, method: MethodDescriptor, schemas: Schemas) -> Json:
        schema = schemas.of_message(method.output_type, request=False)
        if not method.server_streaming:
            return {"description": "It is done.", **json_content(schema)}
        name = f"{method.output_type.name}.Line"
        error = {"$ref": "#/components/schemas/Status"}
        self.components[name] = {
            "description": "A line of the stream: a message, or in the end an error.",
            "oneOf": [_object_of("result", schema), _object_of("error", error)],
        }
        content = {
            "application/x-ndjson": {"schema": {"$ref": f"#/components/schemas/{name}"}},
            "text/event-stream": {"schema": {"type": "string"}},
        }
        return {"description": "A line of JSON, or an event, for each message.", "content": content}


def _object_of(key: str, schema: Json) -> Json:
    return {"type": "object", "properties": {key: schema}, "required": [key]}


def _parameter(name: str, where: str, schema: Json, *, required: bool = False) -> Json:
    schema = dict(schema)
    description = schema.pop("description", "")
    return {
        "name": name,
        "in": where,
        "required": required or where == "path",
        "description": description,
        "schema": schema,
    }


def _only(schema: Json, *keys: str) -> Json:
    return {key: schema[key] for key in keys if key in schema}


def _without_null(kinds: Any) -> Any:
    if not isinstance(kinds, list):
        return kinds
    left = [kind for kind in kinds if kind != "null"]
    return left[0] if len(left) == 1 else left


def _less(schema: Json, names: Sequence[str]) -> Json:
    """Without what the path says."""
    properties = {k: v for k, v in schema["properties"].items() if k not in names}
    required = [name for name in schema.get("required", []) if name not in names]
    return {**schema, "properties": properties, "required": required}


def _references(value: Any) -> set[str]:
    if isinstance(value, dict):
        found = {n for v in value.values() for n in _references(v)}
        place, _, name = value.get("$ref", "").rpartition("/")
        return found | ({name} if place.endswith("/schemas") else set())
    if isinstance(value, list):
        return {name for item in value for name in _references(item)}
    return set()
