"""A channel to fenix and the generated stubs on it. It adds what every call needs (the token, a deadline, errors that
can be read) and hides nothing: the stubs are the API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import grpc
import grpc.aio

from fenix_client.errors import CallFailed
from fenix_grpc.v1.constraint_service_pb2_grpc import ConstraintServiceStub
from fenix_grpc.v1.project_service_pb2_grpc import ProjectServiceStub
from fenix_grpc.v1.session_service_pb2_grpc import SessionServiceStub

if TYPE_CHECKING:  # names that exist in the .pyi files only
    from fenix_grpc.v1.constraint_service_pb2_grpc import ConstraintServiceAsyncStub
    from fenix_grpc.v1.project_service_pb2_grpc import ProjectServiceAsyncStub
    from fenix_grpc.v1.session_service_pb2_grpc import SessionServiceAsyncStub

Req = TypeVar("Req", contravariant=True)
Res = TypeVar("Res")
Res_co = TypeVar("Res_co", covariant=True)

#: Seconds after which a call that is not a watch is given up.
CALL_TIMEOUT_S = 30.0

_LOOPBACK = ("127.", "localhost", "[::1]", "ipv4:127.", "ipv6:[::1]", "unix:")

_CHANNEL_OPTIONS: Sequence[tuple[str, int]] = (
    # A dead peer is noticed within 40 s; servers refuse clients that ping more often than every 30 s.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # A server that came back is found within 5 s instead of gRPC's 2 minutes.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    # The detail of a session with 10000 hosts is larger than gRPC's 4 MiB.
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
)


class Method(Protocol[Req, Res_co]):
    """A unary method of a generated stub."""

    def __call__(
        self, request: Req, *, timeout: float | None = None, metadata: Any = None
    ) -> Awaitable[Res_co]: ...


class Client:
    """A connection to fenix; see `connect`. Use it as an asynchronous context manager, or call `close`."""

    def __init__(self, channel: grpc.aio.Channel, token: str | Callable[[], str] = "") -> None:
        self._channel = channel
        #: Who is calling; a function is asked with every call.
        self.token = token
        #: All methods for administrators.
        self.sessions: SessionServiceAsyncStub = SessionServiceStub(channel)
        #: All methods for managers of projects.
        self.projects: ProjectServiceAsyncStub = ProjectServiceStub(channel)
        #: What applications demand of every maintenance.
        self.constraints: ConstraintServiceAsyncStub = ConstraintServiceStub(channel)

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What goes with every call: who is calling."""
        token = self.token if isinstance(self.token, str) else self.token()
        return (("x-auth-token", token),) if token else ()

    async def call(
        self, method: Method[Req, Res], request: Req, *, timeout_s: float = CALL_TIMEOUT_S
    ) -> Res:
        """The response of a unary method such as `client.sessions.GetSession`. Raises CallFailed."""
        try:
            return await method(request, timeout=timeout_s, metadata=self.metadata)
        except grpc.aio.AioRpcError as err:
            raise CallFailed.of(err) from err

    async def close(self) -> None:
        """Ends all calls. The client is not used afterwards."""
        await self._channel.close()

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


def connect(
    target: str,
    token: str | Callable[[], str] = "",
    *,
    credentials: grpc.ChannelCredentials | None = None,
) -> Client:
    """A client of the server at `target`, such as `127.0.0.1:12348`. Call it inside the event loop.

    It connects with the first call and again whenever needed. `token` says who is calling (a Keystone token where the
    server uses Keystone); a function is asked for it with every call, so that it can be renewed. Without `credentials`
    (see `tls_credentials`) nothing is encrypted.
    """
    options: list[tuple[str, int]] = list(_CHANNEL_OPTIONS)
    if target.startswith(_LOOPBACK):
        options.append(("grpc.enable_http_proxy", 0))
    if credentials is None:
        return Client(grpc.aio.insecure_channel(target, options=options), token)
    return Client(grpc.aio.secure_channel(target, credentials, options=options), token)


def tls_credentials(
    ca: str | Path, certificate: str | Path = "", key: str | Path = ""
) -> grpc.ChannelCredentials:
    """TLS that trusts the certificates in the file `ca`, and shows the client's own where the server wants one; all
    files are PEM. Raises OSError for one that cannot be read."""
    return grpc.ssl_channel_credentials(
        Path(ca).read_bytes(),
        Path(key).read_bytes() if key else None,
        Path(certificate).read_bytes() if certificate else None,
    )
