"""Lines carry what their task is about, for people and for programs."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from fenix_grpc.logs import (
    AUDIT,
    Lines,
    Standing,
    Text,
    _callers_fault,
    note,
    request_id,
)


def a_record(message: str, *args: object, broken: bool = False) -> logging.LogRecord:
    error = (LookupError, LookupError("gone"), None) if broken else None
    return logging.LogRecord("fenix_grpc.test", logging.WARNING, "", 0, message, args, error)


async def in_a_task_about(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    async def inner() -> str:
        note(session="s1")
        return formatter.format(record)

    note(request="r1", session="")
    return await asyncio.create_task(inner())  # noqa: TID251 - a task that inherits


async def test_a_line_for_people_ends_with_what_it_is_about() -> None:
    line = await in_a_task_about(Text(), a_record("%s is away", "the database"))
    assert line.endswith("WARNING the database is away [request=r1 session=s1]")


async def test_a_line_for_programs_is_one_object_whatever_happened() -> None:
    line = await in_a_task_about(Lines(), a_record('two\nlines and a "', broken=True))
    assert "\n" not in line
    said = json.loads(line)
    assert (said["request"], said["session"], said["level"]) == ("r1", "s1", "warning")
    assert said["message"] == 'two\nlines and a "'
    assert "LookupError: gone" in said["traceback"]


def test_a_line_about_nothing_says_nothing() -> None:
    assert Text().format(a_record("ready")).endswith("WARNING ready")
    assert not {"request", "session"} & json.loads(Lines().format(a_record("ready"))).keys()


@pytest.mark.parametrize("form", [Lines(), Text()])
def test_who_did_what_stands_on_its_own(form: logging.Formatter) -> None:
    record = a_record('{"who": "ops"}')
    assert Standing(form).format(record) == form.format(record)
    record.name = AUDIT
    assert Standing(form).format(record) == '{"who": "ops"}'


def test_text_of_a_caller_that_grpc_cannot_read_is_a_line_and_no_traceback() -> None:
    error = UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")
    record = logging.LogRecord("grpc", logging.ERROR, "", 0, "?", (), (type(error), error, None))
    assert _callers_fault(record)
    assert Text().format(record).endswith("WARNING ?")
    gone = type("ExecuteBatchError", (Exception,), {})
    left = logging.LogRecord("grpc", logging.ERROR, "", 0, "?", (), (gone, gone(), None))
    assert not _callers_fault(left)
    defect = a_record("no fault of a caller", broken=True)
    assert _callers_fault(defect)
    assert "LookupError" in Text().format(defect)


@pytest.mark.parametrize("said", ["", "with a blank", "x" * 129, "line\nbreak", "ümlaut"])
def test_a_request_without_a_usable_name_gets_one(said: str) -> None:
    made = request_id({"x-request-id": said})
    assert made.startswith("req-")
    assert made != request_id({"x-request-id": said})


def test_a_request_keeps_the_name_that_its_caller_gave_it() -> None:
    assert request_id({"x-request-id": "req-1/2"}) == "req-1/2"
