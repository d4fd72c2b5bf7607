"""What the proto files say in words. The generated stubs have no comments, so they are read from a compiled image."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.rpc import code_pb2

#: Comments by full name of what they belong to.
Comments = Mapping[str, str]

#: For each kind of declaration: number of its list in the parent (descriptor.proto) and the name of that list.
_IN_FILE = ((4, "message_type"), (5, "enum_type"), (6, "service"))
_INSIDE = {
    "message_type": ((2, "field"), (3, "nested_type"), (4, "enum_type"), (8, "oneof_decl")),
    "nested_type": ((2, "field"), (3, "nested_type"), (4, "enum_type"), (8, "oneof_decl")),
    "enum_type": ((2, "value"),),
    "service": ((2, "method"),),
}

_CODES = frozenset(code_pb2.Code.keys())
_CALLERS = re.compile(r"Callers: (?P<said>[^.]*)\.\s*")
_ERRORS = re.compile(r"Errors: (?P<said>[^.]*)\.\s*")
_EVERY_CALL = re.compile(r"Every call may be answered with (?P<said>[^.]*)\.")
_CODE = re.compile(r"\b(?P<code>[A-Z]+(?:_[A-Z]+)*)\b(?:\s*\((?P<when>[^)]*)\))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """The comment of an RPC, taken apart."""

    #: What it does, in paragraphs.
    text: str
    #: Who may call it, in words.
    callers: str
    #: When it is answered with a google.rpc.Code, by the name of the code; "" where that is plain.
    errors: Mapping[str, str]


def read(image: bytes) -> Comments:
    """All comments of an image that was built with source info."""
    found: dict[str, str] = {}
    for file in FileDescriptorSet.FromString(image).file:
        written = {tuple(at.path): at.leading_comments for at in file.source_code_info.location}
        for path, name in _declared(file, (), file.package, _IN_FILE):
            if path in written:
                found[name] = _unwrapped(written[path])
    return found


def of_method(comment: str, of_service: str) -> Said:
    """The comments of an RPC and of its service."""
    callers = _CALLERS.search(comment)
    own, common = _codes(_ERRORS.search(comment)), _codes(_EVERY_CALL.search(of_service))
    return Said(
        text=_ERRORS.sub("", _CALLERS.sub("", comment)).strip(),
        callers=callers["said"] if callers else "",
        errors=own | {code: when for code, when in common.items() if code not in own},
    )


def _codes(found: re.Match[str] | None) -> dict[str, str]:
    said = found["said"] if found else ""
    return {
        code["code"]: code["when"] or "" for code in _CODE.finditer(said) if code["code"] in _CODES
    }


def _declared(
    parent: Any, at: tuple[int, ...], scope: str, kinds: Sequence[tuple[int, str]]
) -> Iterator[tuple[tuple[int, ...], str]]:
    for number, kind in kinds:
        for index, child in enumerate(getattr(parent, kind)):
            path, name = (*at, number, index), f"{scope}.{child.name}"
            yield path, name
            yield from _declared(child, path, name, _INSIDE.get(kind, ()))


def _unwrapped(comment: str) -> str:
    """Paragraphs on a line each: where the lines of the file end has no meaning."""
    paragraphs = re.split(r"\n[ ]*\n", comment.strip())
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
