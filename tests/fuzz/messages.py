"""Requests as nobody should send them, made from the descriptors of the contract: nothing of a method is listed here.

Most are sane but for a few fields, as a message that is wrong everywhere is refused by the first check that it meets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

Field = Any

_INT32 = (0, 1, -1, 2, 100, 2**31 - 1, -(2**31))
_INT64 = (*_INT32, 2**31, 2**53 + 1, 2**63 - 1, -(2**63))
_UINT32 = (0, 1, 2**31, 2**32 - 1)
_UINT64 = (*_UINT32, 2**64 - 1)
_FLOATS = (0.0, -0.0, 1.0, -1.0, 1e-45, 1e300, -1e300, float("inf"), float("-inf"), float("nan"))
_NUMBERS = {
    FieldDescriptor.CPPTYPE_INT32: _INT32,
    FieldDescriptor.CPPTYPE_INT64: _INT64,
    FieldDescriptor.CPPTYPE_UINT32: _UINT32,
    FieldDescriptor.CPPTYPE_UINT64: _UINT64,
    FieldDescriptor.CPPTYPE_DOUBLE: _FLOATS,
    FieldDescriptor.CPPTYPE_FLOAT: (*_FLOATS[:5], *_FLOATS[7:]),
    FieldDescriptor.CPPTYPE_BOOL: (False, True),
}
#: Seconds: the ends of what a Timestamp or Duration may be, one beyond, and what no date has.
_SECONDS = (0, -1, 1, -62135596800, -62135596801, 253402300799, 253402300800, 315576000001)
_NANOS = (0, 1, -1, 999_999_999, 1_000_000_000, 2**31 - 1, -(2**31))
_TEXTS = (
    "",
    " ",
    "\0",
    "a\0b",
    "line\nbreak\r\n",
    "\x1b[2J\x07\x7f\x85",
    "\u202eright to left\u2066",
    "\u2028\u2029\ufeff\ufffe\uffff",
    "\N{SNOWMAN}\U0001f469\u200d\U0001f692",
    "e" + "\u0301" * 300,
    "' OR 1=1 --",
    "%s%n%x {0} {host} ${jndi:x}",
    "../../etc/passwd",
    "https://[::1",
    "http://127.0.0.1:9/..%2f",
    "file:///etc/passwd",
    "NaN",
    "-1",
    "9" * 400,
    "2099-01-01 00:00:00",
    "x" * 64,
    "x" * 65,
    "x" * 256,
    "\N{SNOWMAN}" * 4097,
    "x" * 70_000,
)
#: Longest text of which many may stand in one message.
_SHORT = 300
_DEEPEST = 4
_BEHAVIOUR, _REQUIRED = field_behavior_pb2.field_behavior, field_behavior_pb2.REQUIRED
_CROWD = 10_000


@dataclass(slots=True)
class Known:
    """Texts that mean something to the server, by the name of their field; grows with what it answers."""

    texts: dict[str, list[str]] = field(default_factory=dict)

    def learn(self, name: str, text: str, most: int = 50) -> None:
        """Remembers one more; the oldest is forgotten."""
        known = self.texts.setdefault(name, [])
        if text and text not in known:
            known.append(text)
            del known[:-most]


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """Makes messages, the share `hostile` of whose fields is not sane."""

    random: Random
    known: Known
    hostile: float

    def message(self, kind: type[Message], depth: int = 0) -> Message:
        """One of this kind."""
        made = kind()
        name = kind.DESCRIPTOR.full_name
        if name in _OWN:
            _OWN[name](self, made)
            return made
        for each in kind.DESCRIPTOR.fields:
            deep = each.message_type is not None and depth >= _DEEPEST
            share = 0.97 if _REQUIRED in each.GetOptions().Extensions[_BEHAVIOUR] else 0.4
            if not deep and self.random.random() < share:
                self._fill(made, each, depth)
        return made

    def _fill(self, made: Message, each: Field, depth: int) -> None:
        entry = each.message_type
        if entry is not None and entry.GetOptions().map_entry:
            self._fill_map(getattr(made, each.name), entry, depth)
        elif each.is_repeated:
            self._fill_list(getattr(made, each.name), each, depth)
        elif entry is not None:
            getattr(made, each.name).CopyFrom(self.message(GetMessageClass(entry), depth + 1))
        else:
            setattr(made, each.name, self._scalar(each))

    def _fill_list(self, there: Any, each: Field, depth: int) -> None:
        crowd = self._wrong() and self.random.random() < 0.03
        if each.message_type is not None:
            made = [
                self.message(GetMessageClass(each.message_type), depth + 1)
                for _ in range(self.random.randrange(3))
            ]
            there.extend(made * (_CROWD // 10) if crowd and depth == 0 else made)
            return
        made = [self._scalar(each) for _ in range(self.random.randrange(4))]
        if crowd and all(len(str(value)) < _SHORT for value in made):
            made = [*made, *(made * _CROWD)[:_CROWD]]
        there.extend(made)

    def _fill_map(self, there: Any, entry: Field, depth: int) -> None:
        key, value = entry.fields_by_name["key"], entry.fields_by_name["value"]
        for _ in range(self.random.randrange(4)):
            if value.message_type is not None:
                made = self.message(GetMessageClass(value.message_type), depth + 1)
                there[self._scalar(key)].CopyFrom(made)
            else:
                there[self._scalar(key)] = self._scalar(value)

    def _scalar(self, each: Field) -> Any:
        if each.cpp_type == FieldDescriptor.CPPTYPE_STRING:
            text = self._text(each.name)
            return text.encode() if each.type == FieldDescriptor.TYPE_BYTES else text
        if each.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
            numbers: Sequence[int] = [value.number for value in each.enum_type.values]
            strange = (0, 99, -1, 2**31 - 1, -(2**31))
            return self.random.choice(strange if self._wrong() else numbers)
        values = _NUMBERS[each.cpp_type]
        return self.random.choice(values if self._wrong() else values[:2])

    def _text(self, name: str) -> str:
        known = self.known.texts.get(name, ())
        if self._wrong() or not known:
            return self.random.choice(_TEXTS)
        return self.random.choice(known)

    def _wrong(self) -> bool:
        return self.random.random() < self.hostile

    # Types of Google's, which mean more than their fields.

    def _moment(self, made: Any) -> None:
        if self._wrong():
            made.seconds = self.random.choice((*_SECONDS, 2**63 - 1, -(2**63)))
            made.nanos = self.random.choice(_NANOS)
        elif made.DESCRIPTOR.name == "Duration":
            made.seconds = self.random.randrange(3600)
        else:
            made.seconds = self.random.choice((0, 1_700_000_000, 4_070_908_800))

    def _struct(self, made: Any) -> None:
        if self._wrong() and self.random.random() < 0.2:
            _nest(made, self.random.choice((10, 16, 17, 20)))
        if self._wrong() and self.random.random() < 0.1:
            for n in range(1000):
                made.fields[f"key-{n}"].number_value = n
        for _ in range(self.random.randrange(3)):
            self._value(made.fields[self._text("key")])

    def _value(self, made: Any) -> None:
        kind = self.random.randrange(6)
        if kind == 0:
            made.null_value = 0
        elif kind == 1:
            made.bool_value = True
        elif kind == 2:
            made.string_value = self._text("value")
        elif kind == 3:
            made.list_value.values.add().number_value = self.random.choice(_FLOATS)
        elif kind == 4 and self._wrong():
            made.Clear()  # a value that is none
        else:
            made.number_value = self.random.choice(_FLOATS if self._wrong() else (0.0, 0.1))


_OWN: Mapping[str, Callable[[Maker, Any], None]] = {
    "google.protobuf.Timestamp": Maker._moment,
    "google.protobuf.Duration": Maker._moment,
    "google.protobuf.Struct": Maker._struct,
    "google.protobuf.Value": Maker._value,
}


def _nest(struct: Any, depth: int) -> None:
    for n in range(depth):
        within = struct.fields["k"]
        if n % 2:
            within = within.list_value.values.add()
        struct = within.struct_value
    struct.fields["k"].bool_value = True


def strangers(random: Random) -> bytes:
    """Fields that the contract does not have, of each kind on the wire, to be put behind a message."""
    number = random.choice((200, 1000, 19_000, 2**29 - 1))
    kind, value = random.choice(
        ((0, b"\x01"), (1, bytes(8)), (2, b"\x03abc"), (5, bytes(4)), (0, b"\xff" * 9 + b"\x01"))
    )
    return _varint(number << 3 | kind) + value


def _wrapped(random: Random, data: bytes) -> bytes:
    """As a field of a message that is a field of a message, and so on."""
    tag = _varint(random.randrange(1, 8) << 3 | 2)
    for _ in range(random.choice((1, 50, 200))):
        data = tag + _varint(len(data)) + data
    return data


def _varint(number: int) -> bytes:
    said = bytearray()
    while number > 127:
        said.append(number & 127 | 128)
        number >>= 7
    return bytes([*said, number])


def mutated(random: Random, data: bytes) -> bytes:
    """The bytes with a few things wrong."""
    said = bytearray(data)
    for _ in range(random.randrange(1, 5)):
        at = random.randrange(len(said) + 1)
        match random.randrange(8):
            case 0 if at < len(said):
                said[at] ^= 1 << random.randrange(8)
            case 1 if at < len(said):
                said[at] = random.choice((0, 0x7F, 0x80, 0xFF))
            case 2:
                del said[at : at + random.randrange(1, 9)]
            case 3:
                said[at:at] = random.randbytes(random.randrange(1, 9))
            case 4:
                said[at:at] = said[at : at + random.randrange(1, 64)] * random.randrange(1, 4)
            case 5:
                del said[at:]
            case 6:
                said = bytearray(_wrapped(random, bytes(said[:1000])))
            case _:
                said[at:at] = _varint(random.choice((2**32, 2**63, 2**64 - 1)))
    return bytes(said)
