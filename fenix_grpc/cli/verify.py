"""`fenix session verify`: reads a session's journal and prints what it proves, on this side of the wire.

The server is not asked for its opinion of itself; it only hands out the journal.
"""

from __future__ import annotations

import json
from contextlib import aclosing

import typer
from fenix_client import Client, watch_session

from fenix_grpc.api.parse import from_session_event
from fenix_grpc.checker import Certificate, as_document, as_text, verify
from fenix_grpc.cli.calls import (
    DEFAULT_SERVER,
    CaOption,
    Exit,
    Format,
    OutputOption,
    ServerOption,
    SessionArgument,
    TokenOption,
    call,
)
from fenix_grpc.cli.output import say
from fenix_grpc.ports import Recorded


def verify_session(
    session_id: SessionArgument,
    server: ServerOption = DEFAULT_SERVER,
    token: TokenOption = "",
    ca: CaOption = "",
    output: OutputOption = Format.TABLE,
) -> None:
    """Proves from a session's journal that every promise was kept, or names the events that broke one.

    Ends with exit code 1 when a rule was broken. A session that still runs is judged so far.
    """

    async def work(client: Client) -> Certificate:
        return verify(await _journal(client, session_id))

    certificate = call(server, token, work, ca)
    if output is Format.JSON:
        say(json.dumps(as_document(certificate), indent=2, ensure_ascii=False))
    else:
        for line in as_text(certificate).splitlines():
            say(_printable(line))
    raise typer.Exit(int(Exit.OK if certificate.ok else Exit.ERROR))


async def _journal(client: Client, session_id: str) -> list[Recorded]:
    """All that there is of it now."""
    entries: list[Recorded] = []
    async with aclosing(watch_session(client, session_id, follow=False)) as watch:
        async for response in watch:
            entries += map(from_session_event, response.events)
    return entries


def _printable(line: str) -> str:
    """Without control characters, spaces as they are: names and reasons are the text of others."""
    return "".join(c if c.isprintable() else " " for c in line)
