"""Brings one input to the server, and says what is wrong with the answer, if anything is."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

import grpc
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from fenix_grpc.api.methods import METHODS
from fenix_grpc.v1.session_service_pb2 import CreateSessionRequest
from tests.fuzz import octets
from tests.fuzz.messages import Known, Maker, mutated, strangers

#: What no input may be answered with: it would be the server's own fault.
FAULTS = frozenset({"UNKNOWN", "INTERNAL", "DATA_LOSS", "UNAVAILABLE", "UNIMPLEMENTED"})
#: An answer of HTTP that is the server's fault; 501, 505 and 509 are the client's, or limits.
_FAULT = re.compile(rb"^HTTP/1\.[01] (5(?!01|05|09)\d\d)", re.MULTILINE)
#: Hosts of its own for whatever sessions come of it.
DECOY = CreateSessionRequest(hosts=["decoy-1"]).SerializeToString()
#: Seconds after which silence of a port is an answer, and how long a whole exchange may take.
_SILENCE_S, _PATIENCE_S = 0.05, 20.0
#: Watches are left after so many responses.
_RESPONSES = 3
_SMALL = ("x-request-id", "fenix-peer", "x-odd", "accept-language", "authorization")
_SAID = ("", "a b", "x" * 300, '"}{', "~" * 5000, "Bearer x")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A method that is called: its requests are made like these."""

    name: str
    request: type[Message]
    streams: bool = False
    #: It takes a stream of requests, too.
    both: bool = False
    share: int = 4


def _targets() -> Sequence[Target]:
    own = [Target(name=m.full_name, request=m.request, streams=m.streams) for m in METHODS.values()]
    others = [
        Target(
            name=f"/{service.full_name}/{method.name}",
            request=GetMessageClass(method.input_type),
            streams=method.server_streaming,
            both=method.client_streaming,
            share=1,
        )
        for file in (health_pb2.DESCRIPTOR, reflection_pb2.DESCRIPTOR)
        for service in file.services_by_name.values()
        for method in service.methods
    ]
    return [*own, *others]


TARGETS = _targets()


@dataclass(slots=True)
class Outcome:
    """What came of all inputs so far."""

    counts: Counter[str] = field(default_factory=Counter)
    #: By method: how often it answered OK. A method that never does was not tried in earnest.
    fine: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


class Doors:
    """Both ports of a server, and a channel to one of them."""

    def __init__(self, channel: grpc.aio.Channel, grpc_port: int, rest_port: int) -> None:
        self._channel = channel
        self._grpc_port, self._rest_port = grpc_port, rest_port
        self.known = Known()
        self.outcome = Outcome()

    async def send(self, random: Random) -> None:
        """One input and its answer."""
        kind = random.random()
        if kind < 0.8:
            await self._call(random)
        elif kind < 0.9:
            await self._octets(random, "gRPC port", self._grpc_port, octets.for_grpc(random))
        else:
            await self._octets(random, "REST port", self._rest_port, octets.for_rest(random))

    # Calls.

    async def _call(self, random: Random) -> None:
        (target,) = random.choices(TARGETS, weights=[each.share for each in TARGETS])
        kind, data = self._request(random, target)
        metadata = self._metadata(random)
        answers: list[bytes] = []
        try:
            async with asyncio.timeout(_PATIENCE_S):
                code = await self._answered(random, target, data, metadata, answers)
        except TimeoutError:
            code = "no answer"
        self.outcome.counts["messages, " + kind] += 1
        self.outcome.counts[f"code {code}"] += 1
        if code in ("OK", "open"):
            self.outcome.fine[target.name] += 1
            self._learn(target, answers)
        if code.partition(":")[0] in FAULTS or code == "no answer":
            self.outcome.faults.append(f"{target.name} {code} for {data[:2000].hex()} {metadata}")

    def _request(self, random: Random, target: Target) -> tuple[str, bytes]:
        """How it was made, and the bytes."""
        hostile = random.choice((0.0, 0.05, 0.2, 1.0))
        made = Maker(random=random, known=self.known, hostile=hostile).message(target.request)
        data, kind = made.SerializeToString(), "made"
        if random.random() < 0.3:
            data, kind = mutated(random, data[:200_000]), "mutated"
        elif random.random() < 0.05:
            data, kind = random.randbytes(random.choice((1, 5, 50, 2000))), "random"
        if random.random() < 0.1:
            data += strangers(random)
        return kind, _harmless(target, data)

    def _metadata(self, random: Random) -> tuple[tuple[str, str | bytes], ...]:
        if random.random() < 0.8:
            return ()
        said: list[tuple[str, str | bytes]] = [(random.choice(_SMALL), random.choice(_SAID))]
        if random.random() < 0.3:
            said.append(("x-odd-bin", random.randbytes(20)))
        return tuple(said)

    async def _answered(
        self, random: Random, target: Target, data: bytes, metadata: Any, answers: list[bytes]
    ) -> str:
        """The name of the code. Answers are put into the list."""
        call: Any
        if target.both:
            call = self._channel.stream_stream(target.name)(iter((data,)), metadata=metadata)
        elif target.streams:
            timeout = random.choice((0.02, 0.1, 0.2))
            call = self._channel.unary_stream(target.name)(data, metadata=metadata, timeout=timeout)
        else:
            call = self._channel.unary_unary(target.name)(data, metadata=metadata)
        try:
            if target.streams:
                async for answer in call:
                    answers.append(answer)
                    if len(answers) == _RESPONSES:
                        break
            else:
                answers.append(await call)
        except grpc.aio.AioRpcError as err:
            if err.code() is grpc.StatusCode.DEADLINE_EXCEEDED and target.streams:
                return "open"
            name = err.code().name
            return f"{name}: {err.details()}" if name in FAULTS else name
        finally:
            call.cancel()
        return "OK"

    def _learn(self, target: Target, answers: Sequence[bytes]) -> None:
        """Ids and tokens of what there is now make the next messages mean something."""
        method = METHODS.get(target.name)
        for data in answers if method else ():
            said: Any = method.response.FromString(data) if method else None
            if token := getattr(said, "token", ""):
                self.known.learn("after", token)
            if token := getattr(said, "next_page_token", ""):
                self.known.learn("page_token", token)
            for one, name in (
                (getattr(said, "session", None), "session_id"),
                (getattr(said, "webhook", None), "webhook_id"),
                (getattr(said, "notice", None), "notice_id"),
            ):
                self.known.learn(name, getattr(one, name, ""))

    # Bytes.

    async def _octets(self, random: Random, kind: str, port: int, data: bytes) -> None:
        slow, rude = random.random() < 0.02, random.random() < 0.2
        try:
            async with asyncio.timeout(_PATIENCE_S):
                answer = await self._exchanged(port, data, slow=slow, rude=rude)
        except TimeoutError:
            answer = b"HTTP/1.1 599 nothing happens"
        except ConnectionRefusedError:
            answer = b"HTTP/1.1 598 nobody is there"
        self.outcome.counts[f"{kind}{', slowly' if slow else ''}"] += 1
        if found := _FAULT.search(answer):
            self.outcome.faults.append(f"{kind} {found[1].decode()} for {data[:2000]!r}")

    async def _exchanged(self, port: int, data: bytes, *, slow: bool, rude: bool) -> bytes:
        """What the port answers until it is silent. The slow send byte by byte; the rude leave without a word."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answer = b""
        try:
            for part in (data[n : n + 1] for n in range(20)) if slow else (data,):
                writer.write(part)
                await writer.drain()
                if rude:
                    break
                with suppress(TimeoutError):
                    async with asyncio.timeout(_SILENCE_S):
                        while len(answer) < 65536 and (more := await reader.read(65536)):
                            answer += more
            if rude:
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, linger
                )
        except (ConnectionResetError, BrokenPipeError):
            pass  # so the server does with what it does not want
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
        return answer


def _harmless(target: Target, data: bytes) -> bytes:
    """Without a word about hosts a session would be about all of them, also those of the session beside."""
    if target.request is not CreateSessionRequest:
        return data
    try:
        named = CreateSessionRequest.FromString(data).hosts
    except DecodeError:
        return data
    return data if named else data + DECOY
