"""`fenix session verify` against a server that hands out a journal: what is printed, and how it ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from click.testing import Result
from fenix_client.testing import ScriptedFenix
from typer.testing import CliRunner

from fenix_grpc.api.convert import to_session_event
from fenix_grpc.cli.app import app
from fenix_grpc.core.events import StepStarted
from fenix_grpc.core.model import StepVerb
from fenix_grpc.v1.session_service_pb2 import WatchSessionResponse
from tests.checker.tapes import Tape, story


@pytest.fixture
async def fenix() -> AsyncIterator[ScriptedFenix]:
    async with ScriptedFenix() as scripted:
        yield scripted


async def verify(fenix: ScriptedFenix, journal: Tape, *words: str) -> Result:
    sent = [to_session_event(entry) for entry in journal]
    half = len(sent) // 2
    batches = [WatchSessionResponse(events=part, token="t") for part in (sent[:half], sent[half:])]
    fenix.reply("WatchSession", batches)
    arguments = ["session", "verify", "s1", *words, "--server", fenix.target]
    return await asyncio.to_thread(CliRunner().invoke, app, arguments)


async def test_a_kept_promise_is_a_table_and_code_0(fenix: ScriptedFenix) -> None:
    result = await verify(fenix, await story("everybody agrees"))
    assert result.exit_code == 0
    assert "MAINTENANCE_DONE: all rules kept" in result.output
    assert "of at most 4 moves at once" in result.output
    assert not fenix.requests["WatchSession"][0].follow


async def test_a_broken_promise_is_code_1_and_names_the_events(fenix: ScriptedFenix) -> None:
    journal = await story("everybody agrees")
    journal.add(StepStarted(step_id="late", verb=StepVerb.RUN_ACTION))
    result = await verify(fenix, journal)
    assert result.exit_code == 1
    assert f"event {len(journal)}: step late started after" in result.output


async def test_a_program_gets_a_document(fenix: ScriptedFenix) -> None:
    result = await verify(fenix, await story("everybody agrees"), "-o", "json")
    document = json.loads(result.output)
    assert (result.exit_code, document["ok"], document["session_id"]) == (0, True, "s1")
    slots = next(rule for rule in document["rules"] if rule["name"] == "slots")
    assert slots["verdict"] == "kept"


async def test_texts_of_others_do_not_steer_the_terminal(fenix: ScriptedFenix) -> None:
    journal = await story("everybody agrees")
    journal.add(StepStarted(step_id="\x1b[2J", verb=StepVerb.RUN_ACTION))
    assert "\x1b" not in (await verify(fenix, journal)).output
