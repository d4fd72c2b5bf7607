"""Where text goes: tables to a person, JSON to a program, problems to standard error."""

from __future__ import annotations

import json
import sys

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.console import Console, RenderableType

from fenix_grpc.cli.calls import Format

#: Width of tables that do not go to a terminal: nothing is cut for a file or a pipe.
_PIPE_WIDTH = 200


def console() -> Console:
    """Standard output, as wide as it is."""
    if sys.stdout.isatty():
        return Console(markup=False, highlight=False)
    return Console(width=_PIPE_WIDTH, markup=False, highlight=False)


def say(line: str) -> None:
    """A line at once, also into a pipe."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def json_line(message: Message) -> str:
    """Proto JSON on one line, with every field."""
    return json.dumps(_plain(message), separators=(",", ":"), ensure_ascii=False)


def present(message: Message, table: RenderableType, output: Format) -> None:
    """A message in the form that was asked for."""
    if output is Format.JSON:
        say(json.dumps(_plain(message), indent=2, ensure_ascii=False))
    else:
        console().print(table)


def _plain(message: Message) -> object:
    return MessageToDict(message, always_print_fields_with_no_presence=True)
