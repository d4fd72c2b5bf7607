"""The reference of the contract for people, in Markdown: services, methods, messages and enums with their comments.

Pure. What a page says besides stands before the mark and is written by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from google.protobuf.descriptor import (
    Descriptor,
    EnumDescriptor,
    FieldDescriptor,
    FileDescriptor,
    MethodDescriptor,
    ServiceDescriptor,
)

from gateway import rules
from gateway.contract import comments
from gateway.contract.comments import Comments
from gateway.contract.schemas import is_required

MARK = "<!-- What follows is written by `make gen` from proto/. -->\n"

_SCALARS = {
    FieldDescriptor.TYPE_BOOL: "bool",
    FieldDescriptor.TYPE_BYTES: "bytes",
    FieldDescriptor.TYPE_DOUBLE: "double",
    FieldDescriptor.TYPE_FLOAT: "float",
    FieldDescriptor.TYPE_INT32: "int32",
    FieldDescriptor.TYPE_INT64: "int64",
    FieldDescriptor.TYPE_STRING: "string",
    FieldDescriptor.TYPE_UINT32: "uint32",
    FieldDescriptor.TYPE_UINT64: "uint64",
}


def renewed(
    page: str, said: Comments, services: Sequence[ServiceDescriptor] = rules.SERVICES
) -> str:
    """The page with the present contract after its mark."""
    by_hand, mark, _ = page.partition(MARK)
    if not mark:
        raise ValueError(f"the page lacks the mark {MARK.strip()}")
    lines: list[str] = []
    for service in services:
        lines += _service(service, said)
    files = _files(service.file for service in services)
    lines += ["## Messages", ""]
    for message in _messages(files):
        lines += _message(message, said)
    lines += ["## Enums", ""]
    for file in files:
        for enum in file.enum_types_by_name.values():
            lines += _enum(enum, said)
    return by_hand + mark + "\n" + "\n".join(lines).rstrip("\n") + "\n"


def _service(service: ServiceDescriptor, said: Comments) -> Iterator[str]:
    yield from (f"## {service.name}", "", said.get(service.full_name, ""), "")
    for method in service.methods:
        yield from _method(method, said)


def _method(method: MethodDescriptor, said: Comments) -> Iterator[str]:
    comment = comments.of_method(
        said.get(method.full_name, ""), said.get(method.containing_service.full_name, "")
    )
    answer = ("a stream of " if method.server_streaming else "") + _link(method.output_type.name)
    yield from (f"### {method.name}", "", comment.text, "", "| | |", "|---|---|")
    for binding in rules.bindings(method, aliases=False):
        body = f", body `{binding.body}`" if binding.body not in ("", "*") else ""
        yield f"| REST | `{binding.verb} {binding.template}`{body} |"
    yield f"| request | {_link(method.input_type.name)} |"
    yield f"| answer | {answer} |"
    yield f"| callers | {comment.callers} |"
    errors = (f"{code} ({when})" if when else code for code, when in comment.errors.items())
    yield f"| errors | {', '.join(errors)} |"
    yield ""


def _message(message: Descriptor, said: Comments) -> Iterator[str]:
    yield from (f"### {message.name}", "", said.get(message.full_name, ""), "")
    if not message.fields:
        return
    yield from ("| field | type | |", "|---|---|---|")
    for field in message.fields:
        notes = [said.get(field.full_name, "")]
        if is_required(field):
            notes.insert(0, "**Required.**")
        oneof = field.containing_oneof
        if oneof is not None and not oneof.name.startswith("_"):
            notes.append(f"(One of `{oneof.name}`.)")
        yield f"| `{field.name}` | {_type(field)} | {' '.join(notes)} |"
    yield ""


def _enum(enum: EnumDescriptor, said: Comments) -> Iterator[str]:
    yield from (f"### {enum.name}", "", said.get(enum.full_name, ""), "")
    yield from ("| value | number | |", "|---|---|---|")
    for value in enum.values:
        yield f"| `{value.name}` | {value.number} | {said.get(f'{enum.full_name}.{value.name}', '')} |"
    yield ""


def _type(field: FieldDescriptor) -> str:
    inner = field.message_type
    if inner is not None and inner.GetOptions().map_entry:
        key, value = inner.fields_by_name["key"], inner.fields_by_name["value"]
        return f"map of {_name(key)} to {_name(value)}"
    return f"list of {_name(field)}" if field.is_repeated else _name(field)


def _name(field: FieldDescriptor) -> str:
    named = field.message_type or field.enum_type
    if named is None:
        return _SCALARS.get(field.type, "?")
    foreign = named.full_name.startswith("google.")
    return named.full_name if foreign else _link(named.name)


def _link(name: str) -> str:
    return f"[{name}](#{name.lower()})"


def _files(roots: Iterable[FileDescriptor]) -> list[FileDescriptor]:
    """Files of the same package, each after those that it needs."""
    found: list[FileDescriptor] = []

    def add(file: FileDescriptor, package: str) -> None:
        if file.package == package and file not in found:
            for needed in file.dependencies:
                add(needed, package)
            found.append(file)

    for root in roots:
        add(root, root.package)
    return found


def _messages(files: Sequence[FileDescriptor]) -> Iterator[Descriptor]:
    for file in files:
        for message in file.message_types_by_name.values():
            yield message
            yield from (m for m in message.nested_types if not m.GetOptions().map_entry)
