"""JSON schemas of messages in the standard mapping, as `proto_json.py` writes them and the protobuf library reads them.

A message has two schemas, since the two directions differ: in answers every field is there, requests may leave fields
out or set them to null. `v1.py` derives from this what v1 clients see.
"""

from __future__ import annotations

import re
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from gateway.contract.comments import Comments

Json = dict[str, Any]

_F = FieldDescriptor
_LONG = {"type": ["integer", "string"], "format": "int64", "pattern": "^-?[0-9]{1,18}$"}
_NUMBERS: dict[int, Json] = {
    _F.CPPTYPE_INT32: {"type": "integer", "format": "int32", "minimum": -(1 << 31)}
    | {"maximum": (1 << 31) - 1},
    _F.CPPTYPE_UINT32: {"type": "integer", "minimum": 0, "maximum": (1 << 32) - 1},
    _F.CPPTYPE_DOUBLE: {"type": "number", "format": "double"},
    _F.CPPTYPE_FLOAT: {"type": "number", "format": "float"},
    _F.CPPTYPE_BOOL: {"type": "boolean"},
}
_KNOWN: dict[str, Json] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]{1,12}(\.[0-9]{1,9})?s$"},
    "google.protobuf.Struct": {"type": "object"},
}
_LONGEST = re.compile(r"At most (\d+) characters")


class Schemas:
    """Collects the schemas that a document refers to, in its `components`."""

    def __init__(self, comments: Comments, components: dict[str, Json]) -> None:
        self.comments = comments
        self.components = components

    def of_message(self, message: Descriptor, *, request: bool) -> Json:
        """A reference. Messages of the protobuf library have no component of their own."""
        known = _KNOWN.get(message.full_name)
        if known is not None:
            return dict(known)
        name = self.named(message.name, request)
        if name not in self.components:
            self.components[name] = {}  # messages may contain themselves
            self.components[name] = self.written(message, request)
        return {"$ref": f"#/components/schemas/{name}"}

    def named(self, name: str, request: bool) -> str:
        """Of a component."""
        return f"{name}.Input" if request else name

    def written(self, message: Descriptor, request: bool) -> Json:
        """The schema itself."""
        properties = {
            self.key(field): self.of_field(field, request=request) for field in message.fields
        }
        required = [
            self.key(f) for f in message.fields if (is_required(f) if request else _shown(f))
        ]
        schema: Json = {"type": "object", "properties": properties}
        if required:
            schema["required"] = required
        if request:
            schema["additionalProperties"] = False
        return self.described(schema, message.full_name)

    def key(self, field: FieldDescriptor) -> str:
        """The name of a field in JSON."""
        return field.json_name

    def of_field(self, field: FieldDescriptor, *, request: bool) -> Json:
        """With its comment."""
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            inner = self._of_value(field.message_type.fields_by_name["value"], request)
            value: Json = {"type": "object", "additionalProperties": inner}
        elif field.is_repeated:
            value = {"type": "array", "items": self._of_value(field, request)}
        else:
            value = self._of_value(field, request)
        if self.may_be_null(field, request):
            value = nullable(value)
        longest = _LONGEST.search(self.comments.get(field.full_name, ""))
        if longest and field.type == _F.TYPE_STRING:
            value["maxLength"] = int(longest[1])
        return self.described(value, field.full_name)

    def may_be_null(self, field: FieldDescriptor, request: bool) -> bool:
        """Whether null stands for "not set"."""
        if request:
            return not is_required(field)
        return (
            field.message_type is not None
            and not field.is_repeated
            and field.containing_oneof is None
        )

    def of_enum(self, enum: EnumDescriptor, *, request: bool) -> Json:
        """A reference to its words."""
        if enum.name not in self.components:
            self.components[enum.name] = self.described_enum(
                enum, {value.name: value.name for value in enum.values}
            )
        return {"$ref": f"#/components/schemas/{enum.name}"}

    def described(self, schema: Json, full_name: str) -> Json:
        """With the comment of what it stands for."""
        said = self.comments.get(full_name)
        return {"description": said, **schema} if said else schema

    def described_enum(self, enum: EnumDescriptor, words: dict[str, str]) -> Json:
        """`words` are how its values are written, each with its name in the proto files."""
        said = {word: self.comments.get(f"{enum.full_name}.{words[word]}", "") for word in words}
        lines = [f"* `{word}`: {text}" for word, text in said.items()]
        text = "\n".join([self.comments.get(enum.full_name, ""), "", *lines])
        return {"description": text, "type": "string", "enum": list(words)}

    def long(self, request: bool) -> Json:
        """64 bits do not fit the numbers of JavaScript."""
        return dict(_LONG) if request else {"type": "string", "format": "int64"}

    def _of_value(self, field: FieldDescriptor, request: bool) -> Json:
        if field.message_type is not None:
            return self.of_message(field.message_type, request=request)
        if field.enum_type is not None:
            return self.of_enum(field.enum_type, request=request)
        if field.cpp_type in (_F.CPPTYPE_INT64, _F.CPPTYPE_UINT64):
            return self.long(request)
        if field.type == _F.TYPE_BYTES:
            return {"type": "string", "contentEncoding": "base64"}
        return dict(_NUMBERS.get(field.cpp_type, {"type": "string"}))


def is_required(field: FieldDescriptor) -> bool:
    """As its annotation says."""
    behaviour: Any = field.GetOptions()
    return field_behavior_pb2.REQUIRED in behaviour.Extensions[field_behavior_pb2.field_behavior]


def nullable(schema: Json) -> Json:
    """The schema, or null."""
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return {**schema, "type": [*kinds, "null"]}


def _shown(field: FieldDescriptor) -> bool:
    """In answers all fields are, except members of a oneof that are not set."""
    return field.containing_oneof is None
