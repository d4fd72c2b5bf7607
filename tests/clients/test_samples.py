"""The samples of clients/ on the real server, all in one session: they print the same in every language."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from itertools import groupby

import pytest

from fenix_grpc.v1.types_pb2 import SessionState
from tests.clients.languages import LANGUAGES, Language
from tests.clients.story import HERE, Story, play

WATCHES = [language for language in LANGUAGES if language.watch]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, languages: Sequence[Language]) -> Story:
    return asyncio.run(play(tmp_path_factory.mktemp("story"), languages))


def test_the_session_ends_well(story: Story) -> None:
    assert story.end == SessionState.SESSION_STATE_MAINTENANCE_DONE


def test_a_sample_prints_the_common_transcript(language: Language, story: Story) -> None:
    told = story.vnfms[language.name]
    assert told.code == 0, told.err
    assert normal(told.out) == (HERE / "transcript.txt").read_text(), told.err


def test_a_sample_is_told_that_its_token_is_for_another_project(
    language: Language, story: Story
) -> None:
    told = story.strangers[language.name]
    assert told.out == ""
    assert told.code not in (0, -9), "it does not end by itself"
    assert f"{language.name} speaks for project {language.name}, not for project spare" in told.err


def test_a_sample_goes_on_after_its_connection_broke(language: Language, story: Story) -> None:
    assert "! " in story.vnfms[language.name].err, "it did not notice that the server was killed"


@pytest.mark.parametrize("language", WATCHES, indirect=True, ids=lambda language: language.name)
def test_a_watch_prints_the_common_progress(language: Language, story: Story) -> None:
    told = story.watches[language.name]
    assert told.code == 0, told.err
    listed, *progress = told.out.splitlines(keepends=True)
    assert re.fullmatch(r"[0-9a-f-]{36}  [A-Z_]+  \d+ %\n", listed)
    assert "".join(progress) == (HERE / "progress.txt").read_text(), told.err


def normal(text: str) -> str:
    """A transcript in one order. What is asked at once about several instances, and what is told of moves side by side,
    comes in any order; so does the end of an own action, which stands before the end of the session here."""
    lines = text.splitlines(keepends=True)
    own = [line for line in lines if line.startswith("own action")]
    exchanges: list[list[str]] = [[]]
    for line in lines:
        if line.startswith("heard"):
            exchanges.append([])
        if line not in own:
            exchanges[-1].append(line)
    ordered: list[str] = []
    for kind, some in groupby(exchanges, lambda exchange: exchange[0].partition(":")[0]):
        ordered += own if kind == "heard MAINTENANCE_COMPLETE" else []
        ordered += [line for exchange in sorted(some) for line in exchange]
    return "".join(ordered)
