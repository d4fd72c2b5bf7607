"""Tokens from a file: who has which, when they count, and what happens when the file changes."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fenix_grpc.clock import VirtualClock
from fenix_grpc.core.errors import InvalidRequest, NotAuthenticated
from fenix_grpc.identity.static import PREFIX, Entry, StaticTokens, digest, line_of, new_token
from fenix_grpc.ports import Caller, Role

OPS, RED = new_token(), new_token()


def a_file(tmp_path: Path, *lines: str) -> Path:
    file = tmp_path / "tokens.toml"
    file.touch(mode=0o640)
    file.write_text("\n".join(("[tokens]", *lines)))
    return file


def entry(token: str, role: str = "admin", project: str = "", **more: datetime) -> Entry:
    return Entry(role=role, project=project, sha256=digest(token), **more)  # type: ignore[arg-type]


async def test_a_token_is_its_caller_and_no_other(tmp_path: Path) -> None:
    lines = line_of("ops", entry(OPS)), line_of('red "x"', entry(RED, "project", "red"))
    file = a_file(tmp_path, *lines)
    assert OPS not in file.read_text()
    tokens = StaticTokens(file, VirtualClock())
    assert await tokens.caller_of(OPS) == Caller(name="ops", roles=frozenset({Role.ADMIN}))
    red = await tokens.caller_of(RED)
    assert red == Caller(name='red "x"', roles=frozenset({Role.PROJECT}), project_id="red")
    with pytest.raises(NotAuthenticated, match="not known here"):
        await tokens.caller_of(new_token())
    assert await tokens.caller_of("gAAAA-of-keystone") is None
    assert OPS.startswith(PREFIX)
    assert len(OPS) > 43


async def test_a_token_expires(tmp_path: Path) -> None:
    clock = VirtualClock()
    until = clock.now().replace(microsecond=0, year=clock.now().year + 1)
    tokens = StaticTokens(a_file(tmp_path, line_of("ops", entry(OPS, expires=until))), clock)
    caller = await tokens.caller_of(OPS)
    assert caller is not None
    assert caller.until == until
    old = a_file(tmp_path, line_of("ops", entry(OPS, expires=datetime(2001, 1, 1, tzinfo=UTC))))
    with pytest.raises(NotAuthenticated, match="the token of ops has expired"):
        await StaticTokens(old, clock).caller_of(OPS)


async def test_the_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = a_file(tmp_path, line_of("ops", entry(OPS)))
    tokens = StaticTokens(file, VirtualClock(), look_s=0)
    a_file(tmp_path, line_of("red", entry(RED, "project", "red")))
    with pytest.raises(NotAuthenticated):
        await tokens.caller_of(OPS)
    assert (await tokens.caller_of(RED)) is not None


@pytest.mark.parametrize("broken", ["[tokens", "[tokens]\nops = 1", None])
async def test_a_broken_new_file_is_reported_once_and_the_old_one_stays(
    tmp_path: Path, broken: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    file = a_file(tmp_path, line_of("ops", entry(OPS)))
    tokens = StaticTokens(file, VirtualClock(), look_s=0)
    if broken is None:
        file.chmod(0o644)
    else:
        file.write_text(broken)
    for _ in range(3):
        assert await tokens.caller_of(OPS)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "what was read before stays" in record.message


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["ops = { role = 'root', sha256 = '0' }"], "tokens.*role"),
        ([f"ops = {{ role = 'admin', sha256 = '{OPS}' }}"], "tokens.*sha256"),
        ([line_of("a", entry(OPS)), line_of("b", entry(OPS))], "b: has the token of a"),
        ([line_of("a", entry(OPS, "project"))], "a project belongs to the role project"),
        ([line_of("a", entry(OPS, "reader", "red"))], "a project belongs to the role project"),
        ([line_of("a", entry(OPS)).replace("{", "{ extra = 1,")], "extra"),
        (["a = "], "is not TOML"),
    ],
)
def test_a_wrong_file_stops_the_start_and_tells_no_token(
    tmp_path: Path, lines: list[str], told: str
) -> None:
    with pytest.raises(InvalidRequest, match=told) as failure:
        StaticTokens(a_file(tmp_path, *lines), VirtualClock())
    assert OPS not in str(failure.value)


def test_a_file_that_everybody_can_read_is_refused(tmp_path: Path) -> None:
    file = a_file(tmp_path)
    file.chmod(0o644)
    with pytest.raises(InvalidRequest, match="chmod o-rwx"):
        StaticTokens(file, VirtualClock())
    with pytest.raises(InvalidRequest, match="No such file"):
        StaticTokens(tmp_path / "missing", VirtualClock())
