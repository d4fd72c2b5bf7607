"""What comes to an open port besides calls: frames and heads that are broken, cut short, or none at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from random import Random

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
#: A call of ListSessions in literal header fields, which any HPACK decoder takes.
_CALL = (
    (b":method", b"POST"),
    (b":scheme", b"http"),
    (b":path", b"/fenix.v1.SessionService/ListSessions"),
    (b":authority", b"localhost"),
    (b"te", b"trailers"),
    (b"content-type", b"application/grpc"),
    (b"grpc-timeout", b"1S"),
)
_TIMEOUTS = (b"", b"0n", b"1S", b"-1S", b"99999999H", b"999999999999S", b"1x", b"S", b"\xff")
_PATHS = (
    "/",
    "/v1/maintenance",
    "/v1/maintenance/x/detail",
    "/v1/maintenance:watch",
    "/v1/projects/decoy/webhooks",
    "/v1/maintenance/%00/%ff",
    "/v1/maintenance/../../readyz",
    "//v1//maintenance?page_size=-1&page_token=%80",
    "/fenix.v1.SessionService/CreateSession",
    "/metrics",
    "/readyz",
    "*",
    "http://[::1/v1/maintenance",
    "/v1/maintenance?" + "a=b&" * 500,
)
_VERBS = ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "CONNECT", "PRI")
_HEADERS = (
    "Host: x",
    "Host:",
    "Content-Length: 0",
    "Content-Length: -1",
    "Content-Length: 99999999999999999999",
    "Content-Length: 5\r\nContent-Length: 6",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nContent-Length: 3",
    "Transfer-Encoding: xchunked",
    "Expect: 100-continue",
    "Expect: 200-ok",
    "Upgrade: h2c\r\nConnection: Upgrade",
    "Connection: close",
    "Content-Type: application/json",
    "Content-Type: multipart/form-data; boundary=",
    "Content-Type: application/json; charset=utf-7",
    "Content-Encoding: gzip",
    "Accept: text/event-stream",
    "Accept: ;;q=NaN",
    "Last-Event-ID: \xff",
    "X-Request-ID: \x01",
    "Authorization: Bearer \xe9",
    "Grpc-Timeout: 1x",
    "X: " + "y" * 40_000,
    " folded: z",
    "no colon",
)
_BODIES = (
    b"",
    b"{",
    b"[" * 5000,
    b'{"a":' * 2000,
    b'{"maintenance_at": 1e999}',
    b'{"hosts": ["\\ud800"]}',
    b'{"maintenance_at": "9999-99-99 99:99:99"}',
    b"\xff\xfe\x00",
    b"\x00" * 100,
    b"5\r\nhello\r\n0\r\n\r\n",
    b"ffffffffffffffff\r\nx",
    b"-1\r\n",
    json.dumps({"maintenance_at": "2099-01-01 00:00:00", "hosts": ["decoy-1"]}).encode(),
)


def for_grpc(random: Random) -> bytes:
    """Bytes for a port on which HTTP/2 is spoken."""
    makers: Sequence[Callable[[Random], bytes]] = (
        _garbage,
        lambda r: _PREFACE[: r.randrange(len(_PREFACE))],
        lambda r: _PREFACE + _garbage(r),
        lambda r: _PREFACE + _SETTINGS + b"".join(_frame(r) for _ in range(r.randrange(1, 20))),
        lambda r: _PREFACE + _SETTINGS + _frame(r)[: r.randrange(1, 12)],
        lambda r: _PREFACE + _SETTINGS + _call(r),
        # Without bytes above ASCII: see GrpcDoor.keep_open for what a path does that has them.
        lambda r: _PREFACE + _SETTINGS + _spoilt(r, _call(r), 128),
        lambda r: b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        lambda r: b"\x16\x03\x01" + r.randbytes(80),  # the beginning of TLS
    )
    return random.choice(makers)(random)


def for_rest(random: Random) -> bytes:
    """Bytes for a port on which HTTP/1.1 is spoken."""
    makers: Sequence[Callable[[Random], bytes]] = (
        _garbage,
        _request,
        _request,
        _request,
        lambda r: _spoilt(r, _request(r)),
        lambda r: _request(r)[: r.randrange(1, 60)],
        lambda r: b"".join(_request(r) for _ in range(4)),
        lambda r: _PREFACE + _SETTINGS,
        lambda r: b"\r\n" * 500,
        lambda r: b"G" * 70_000,
    )
    return random.choice(makers)(random)


def _garbage(random: Random) -> bytes:
    return random.randbytes(random.choice((1, 8, 24, 100, 3000)))


def _spoilt(random: Random, data: bytes, below: int = 256) -> bytes:
    said = bytearray(data)
    for _ in range(random.randrange(1, 8)):
        said[random.randrange(len(said))] = random.randrange(below)
    return bytes(said)


def _frame(random: Random) -> bytes:
    body = random.randbytes(random.choice((0, 1, 4, 8, 40)))
    told = random.choice((len(body), len(body), len(body) + 1, 2**24 - 1))
    kind, flags = random.randrange(14), random.choice((0, 1, 4, 5, 0x20, 0xFF))
    stream = random.choice((0, 1, 2, 3, 2**31 - 1, 2**32 - 1))
    return _head(told, kind, flags, stream) + body


def _head(length: int, kind: int, flags: int, stream: int) -> bytes:
    return length.to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4)


def _call(random: Random) -> bytes:
    """A whole call, sometimes with odd headers and an odd length of its message."""
    fields: dict[bytes, bytes] = {}
    if random.random() < 0.7:
        fields[b"grpc-timeout"] = random.choice(_TIMEOUTS)
        name = random.choice((b"grpc-encoding", b"x-odd", b"content-length", b"x-odd", b"x-bin"))
        fields[name] = random.choice((b"", b"gzip", b"\x80\xff", b"-1", b"/", b"x" * 100))
    if random.random() < 0.1:
        fields[b":path"] = random.choice((b"", b"/", b"//", b"/x" * 60, b"*"))
    told = random.choice((0, 0, 1, 2**32 - 1))
    data = random.choice((b"\0", b"\0", b"\1", b"\xff")) + told.to_bytes(4)
    return _headers(fields) + _head(len(data), 0, random.choice((0, 1)), 1) + data


def call(changed: Mapping[bytes, bytes]) -> bytes:
    """All of a connection with one call, whose headers are changed."""
    data = bytes(5)
    return _PREFACE + _SETTINGS + _headers(changed) + _head(len(data), 0, 1, 1) + data


def _headers(changed: Mapping[bytes, bytes]) -> bytes:
    block = b"".join(
        b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value
        for name, value in {**dict(_CALL), **changed}.items()
    )
    return _head(len(block), 1, 4, 1) + block


def _request(random: Random) -> bytes:
    head = [f"{random.choice(_VERBS)} {random.choice(_PATHS)} HTTP/{random.choice(_VERSIONS)}"]
    head += ["Host: x"] if random.random() < 0.8 else []
    body = random.choice(_BODIES)
    if random.random() < 0.5:
        head.append(f"Content-Length: {len(body)}")
    head += random.choices(_HEADERS, k=random.randrange(4))
    end = random.choice(("\r\n\r\n", "\r\n\r\n", "\r\n\r\n", "\n\n", "\r\n"))
    return "\r\n".join(head).encode("latin-1") + end.encode() + body


_VERSIONS = ("1.1", "1.1", "1.1", "1.0", "0.9", "2.0", "1.1x")
