"""JSON schemas of what v1 clients see: derived like the standard ones, with the v1 way to write things.

Keys in snake_case, bare words for enums, whole numbers as numbers, null for what is not set. Where a view says more, or
something else, `v1_schemas.py` and `v1_request_schemas.py` have the schema by the name of the message; the rest follows
from the message, so a new RPC with a view of the usual kind is described without a word here.
"""

from __future__ import annotations

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from gateway import v1_request_schemas, v1_schemas
from gateway.contract.schemas import Json, Schemas
from gateway.words import Words


class V1Schemas(Schemas):
    """See the module."""

    def named(self, name: str, request: bool) -> str:
        return "v1." + super().named(name, request)

    def written(self, message: Descriptor, request: bool) -> Json:
        by_hand = (v1_request_schemas.REQUESTS if request else v1_schemas.ANSWERS).get(message.name)
        if by_hand is not None:
            return self.described(by_hand, message.full_name)
        wrapped = _wrapped(message)
        if wrapped is not None and not request:
            return self.of_message(wrapped, request=False)
        schema = super().written(message, request)
        if not request:
            schema.pop("required", None)
        return schema

    def key(self, field: FieldDescriptor) -> str:
        return field.name

    def may_be_null(self, field: FieldDescriptor, request: bool) -> bool:
        return super().may_be_null(field, request) or not (request or field.is_repeated)

    def of_enum(self, enum: EnumDescriptor, *, request: bool) -> Json:
        name = f"v1.{enum.name}"
        if name not in self.components:
            words = Words(enum)
            names = {word: words.name(word) or "" for word in words}
            self.components[name] = self.described_enum(enum, names)
        return {"$ref": f"#/components/schemas/{name}"}

    def long(self, request: bool) -> Json:
        return {"type": "integer", "format": "int64"}


def _wrapped(message: Descriptor) -> Descriptor | None:
    """What a response with nothing but one message is about: views show it without the wrapping."""
    if len(message.fields) != 1 or not message.name.endswith("Response"):
        return None
    field = message.fields[0]
    return None if field.is_repeated else field.message_type
