"""The commands of a person who needs a token and TLS."""

from __future__ import annotations

import asyncio
import sys
import tomllib
from asyncio.subprocess import PIPE
from pathlib import Path

import fenix_client
import pytest

from fenix_grpc.cli.calls import Problem
from fenix_grpc.cli.processes import started
from fenix_grpc.clock import SystemClock
from fenix_grpc.identity.static import StaticTokens
from fenix_grpc.ports import Role
from tests.access.certificates import Authority
from tests.access.commands import fenix
from tests.access.site import TOKENS, a_site


async def test_a_new_token_is_printed_once_and_its_line_fits_the_file(tmp_path: Path) -> None:
    said = ("--name", "red vnfm", "--project", "red", "--days", "1")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "fenix_grpc.cli", "token", "new", *said), stdout=PIPE, stderr=PIPE
    )
    out, err = (text.decode() for text in await process.communicate())
    token, line = out.strip(), err.splitlines()[-1]
    assert token not in err
    file = tmp_path / "tokens.toml"
    file.touch(mode=0o600)
    file.write_text(f"[tokens]\n{line}\n")
    assert set(tomllib.loads(file.read_text())["tokens"]) == {"red vnfm"}
    caller = await StaticTokens(file, SystemClock()).caller_of(token)
    assert caller is not None
    assert (caller.name, caller.project_id, caller.roles) == ("red vnfm", "red", {Role.PROJECT})
    assert caller.until is not None
    assert (caller.until - SystemClock().now()).total_seconds() < 86400


@pytest.mark.parametrize(
    "words", [("--role", "admin", "--project", "red"), ("--role", "project"), ("--role", "root")]
)
async def test_a_token_that_makes_no_sense_is_not_made(words: tuple[str, ...]) -> None:
    code, out, _ = await fenix("token", "new", "--name", "x", *words)
    assert (code, out) == (2, "")


async def test_a_token_comes_from_an_option_a_variable_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKENS["admin"] + "\n")
    async with a_site(tmp_path) as site:
        look = ("session", "list", "--server", site.grpc)
        trust = {"FENIX_CA": str(site.authority.ca)}
        by_file = {**trust, "FENIX_TOKEN_FILE": str(file)}
        assert (await fenix(*look, environ=by_file))[0] == 0
        assert (await fenix(*look, environ={**trust, "FENIX_TOKEN": TOKENS["reader"]}))[0] == 0
        option = ("--token", TOKENS["reader"], "--ca", site.authority.ca)
        assert (await fenix(*look, *option))[0] == 0
        member = {**by_file, "FENIX_TOKEN": TOKENS["member"]}
        code, _, err = await fenix(*look, environ=member)
        assert (code, "it is for admin and reader callers" in err) == (5, True)
        code, _, err = await fenix(*look, environ=trust)
        assert (code, "say who you are: a token" in err) == (5, True)


async def test_tls_that_does_not_fit_is_told(tmp_path: Path) -> None:
    other = Authority(tmp_path, "other")
    async with a_site(tmp_path) as site:
        look = ("session", "list", "--server", site.grpc)
        code, _, err = await fenix(*look, "--ca", other.ca)
        assert (code, "do not agree on TLS (see --ca)" in err) == (6, True), err
        code, _, err = await fenix(*look, "--ca", tmp_path / "missing.pem")
        assert (code, "missing.pem" in err) == (2, True), err
        gone = {"FENIX_TOKEN_FILE": str(tmp_path / "missing")}
        code, _, err = await fenix(*look, environ=gone)
        assert (code, "FENIX_TOKEN_FILE" in err) == (2, True), err
        bare = {"FENIX_CERTIFICATE": str(site.pair.certificate)}
        code, _, err = await fenix(*look, environ=bare)
        assert (code, "needs --ca" in err) == (2, True), err


async def test_a_client_certificate_is_shown(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "clients")
    pair = authority.issue("ops", "ops.example")
    auth = (
        'kind = "certificates"\ncertificates = { names = { "ops.example" = { role = "admin" } } }'
    )
    async with a_site(tmp_path, auth=auth, tls=f'client_ca = "{authority.ca}"') as site:
        own = {"FENIX_CERTIFICATE": str(pair.certificate), "FENIX_KEY": str(pair.key)}
        look = ("session", "list", "--server", site.grpc, "--ca", site.authority.ca)
        assert (await fenix(*look, environ=own))[0] == 0
        assert (await fenix(*look))[0] == 6


async def test_the_vnfm_of_one_file_listens_over_tls(tmp_path: Path) -> None:
    sample = Path(fenix_client.__file__).with_name("rest_vnfm.py")
    async with a_site(tmp_path) as site, started(tmp_path) as processes:
        words = (sample, "red", "--url", site.rest, "--ca", site.authority.ca)
        command = [sys.executable, *map(str, words)]
        await processes.start("member", command, environ={"FENIX_TOKEN": TOKENS["member"]})
        await processes.until_printed("member", "listening for project red")
        await processes.start("other", command, environ={"FENIX_TOKEN": TOKENS["other project"]})
        with pytest.raises(Problem, match=r"not allowed: .*speaks for project blue"):
            await processes.until_printed("other", "listening")
