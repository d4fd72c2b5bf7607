"""From a command to a call and back to an exit code: the options every command has, and what a failure prints.

Scripts rely on the exit codes: they are listed once, here, and shown by `fenix --help`.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import grpc
import typer
from fenix_client import CallFailed, Client, connect, tls_credentials

from fenix_grpc.core.errors import FenixError, InvalidRequest

T = TypeVar("T")

#: Variables that name files: the token, and the client's certificate with its key.
TOKEN_FILE, CERTIFICATE, KEY = "FENIX_TOKEN_FILE", "FENIX_CERTIFICATE", "FENIX_KEY"

DEFAULT_SERVER = "127.0.0.1:12348"


class Exit(IntEnum):
    """How a command ended."""

    OK = 0
    ERROR = 1
    USAGE = 2
    SESSION_FAILED = 3
    NOT_FOUND = 4
    REFUSED = 5
    UNAVAILABLE = 6
    NOT_ALL = 7
    INTERRUPTED = 130


EXIT_CODES = (
    "Exit codes: 0 done · 1 error · 2 wrong usage or argument · 3 the session failed · 4 not found · "
    "5 refused (not now, or not you) · 6 no server answers · 7 not all of it can be planned"
)

_EXIT_OF = {
    grpc.StatusCode.INVALID_ARGUMENT: Exit.USAGE,
    grpc.StatusCode.OUT_OF_RANGE: Exit.USAGE,
    grpc.StatusCode.NOT_FOUND: Exit.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION: Exit.REFUSED,
    grpc.StatusCode.PERMISSION_DENIED: Exit.REFUSED,
    grpc.StatusCode.UNAUTHENTICATED: Exit.REFUSED,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Exit.REFUSED,
    grpc.StatusCode.UNAVAILABLE: Exit.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: Exit.UNAVAILABLE,
}


class Format(StrEnum):
    """What is printed."""

    TABLE = "table"
    JSON = "json"


ServerOption = Annotated[
    str, typer.Option("--server", envvar="FENIX_SERVER", help="Address of the gRPC server.")
]
TokenOption = Annotated[
    str,
    typer.Option(
        "--token",
        envvar="FENIX_TOKEN",
        show_envvar=True,
        help="Says who is calling. Others can see it in the list of processes: better set the variable, or "
        f"{TOKEN_FILE} to the name of a file with it.",
    ),
]
CaOption = Annotated[
    str,
    typer.Option(
        "--ca",
        envvar="FENIX_CA",
        metavar="FILE",
        help="Certificates to trust (PEM); without it nothing is encrypted. A client certificate is named by "
        f"{CERTIFICATE} and {KEY} in the environment.",
    ),
]
OutputOption = Annotated[
    Format, typer.Option("--output", "-o", help="table for a person, json for a program.")
]
RequestIdOption = Annotated[
    str, typer.Option(help="Makes it safe to repeat the command: the first answer is given again.")
]
SessionArgument = Annotated[str, typer.Argument(help="The session's id.", show_default=False)]
ProjectArgument = Annotated[str, typer.Argument(help="The project's id.", show_default=False)]


class Problem(Exception):
    """A command cannot go on; the text says why and what to do."""

    def __init__(self, text: str, exit_code: Exit = Exit.ERROR) -> None:
        super().__init__(text)
        self.exit_code = exit_code


def complain(problem: str) -> None:
    """A line on standard error."""
    sys.stderr.write(f"fenix: {problem}\n")


def fail(problem: str, exit_code: Exit) -> NoReturn:
    """Ends the command with a line on standard error."""
    complain(problem)
    raise typer.Exit(int(exit_code))


def explain(failed: CallFailed, server: str) -> str:
    """A failed call in words for who typed the command."""
    if failed.answered:
        extra = [f"{field}: {text}" for field, text in failed.fields.items()]
        extra += failed.preconditions
        news = [line for line in extra if line not in failed.message]
        return "\n  ".join([failed.message, *news])
    if "handshake" in failed.message.lower():
        return f"{server} and this command do not agree on TLS (see --ca): {failed.message}"
    if failed.code is grpc.StatusCode.UNAVAILABLE:
        return f"nothing answers at {server}. Start a server with `fenix serve`, or name it with --server"
    if failed.code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return f"{server} did not answer in time"
    return f"{failed.message} ({failed.code.name})"


def run(work: Awaitable[T], server: str = "") -> T:
    """The result of a coroutine; its expected failures end the command with their exit code."""

    async def awaited() -> T:
        return await work

    try:
        return asyncio.run(awaited())
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise typer.Exit(int(Exit.INTERRUPTED)) from None
    except BrokenPipeError:
        raise  # whoever read the output has seen enough; typer ends the command quietly
    except (FenixError, CallFailed, Problem, OSError, ExceptionGroup) as error:
        cause: Exception = error
        while isinstance(cause, ExceptionGroup):
            cause = cause.exceptions[0]
        text, exit_code = _told(cause, server)
        fail(text, exit_code)


def _told(error: Exception, server: str) -> tuple[str, Exit]:
    """What is said of an expected failure, and the exit code. Raises any other."""
    match error:
        case CallFailed():
            return explain(error, server), _EXIT_OF.get(error.code, Exit.ERROR)
        case Problem():
            return str(error), error.exit_code
        case InvalidRequest():
            return str(error), Exit.USAGE
        case FenixError() | OSError():
            return str(error), Exit.ERROR
    raise error


def call(server: str, token: str, work: Callable[[Client], Awaitable[T]], ca: str = "") -> T:
    """The result of `work` with a client of the server."""

    async def connected() -> T:
        async with connect(server, token or _token_of_file(), credentials=trust(ca)) as client:
            return await work(client)

    return run(connected(), server)


def trust(ca: str) -> grpc.ChannelCredentials | None:
    """What a channel needs for TLS; None for plain text. Raises Problem."""
    certificate, key = os.environ.get(CERTIFICATE, ""), os.environ.get(KEY, "")
    if not ca:
        if certificate:
            raise Problem(f"{CERTIFICATE} needs --ca: nothing is encrypted without it", Exit.USAGE)
        return None
    try:
        return tls_credentials(ca, certificate, key)
    except OSError as err:
        raise Problem(f"cannot be read: {err}", Exit.USAGE) from err


def _token_of_file() -> str:
    file = os.environ.get(TOKEN_FILE)
    try:
        return Path(file).read_text(encoding="utf-8").strip() if file else ""
    except (OSError, UnicodeDecodeError) as err:
        raise Problem(f"{TOKEN_FILE}: {err}", Exit.USAGE) from err
