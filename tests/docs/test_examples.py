"""What the pages of docs/ show is what happens, and what they point at is there."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import fields, replace
from pathlib import Path

import pytest

from fenix_grpc.cli.processes import free_ports
from fenix_grpc.clock import SystemClock
from fenix_grpc.clouds.openstack import Options
from fenix_grpc.config import Config, parse
from fenix_grpc.options import read_options
from fenix_grpc.plugins import Configured, load_actions
from tests.docs.pages import DOCS, PAGES, blocks, check
from tests.docs.reader import PORTS, Reader

RUN = DOCS / "run.md"
#: Keys by section: some of the timers belong to [projects], those of who gets in are in secure.md.
NOT_SHOWN = {
    "timers": {"no_manager", "silence"},
    "auth": {"static", "keystone", "certificates"},
}
PLAYED = [page for page in PAGES if any(block.language == "console" for block in blocks(page))]

Outcomes = Mapping[Path, BaseException | None]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """What came of each page. They are read side by side, as most of the time a reader waits."""
    if shutil.which("curl") is None and "CI" not in os.environ:
        pytest.skip("the pages call curl")
    ports = iter(free_ports(len(PLAYED) * len(PORTS)))
    readers = {
        page: Reader(tmp_path_factory.mktemp(page.stem), [next(ports) for _ in PORTS])
        for page in PLAYED
    }

    async def read() -> Sequence[BaseException | None]:
        following = (_follow(page, reader) for page, reader in readers.items())
        return await asyncio.gather(*following, return_exceptions=True)

    return dict(zip(readers, asyncio.run(read()), strict=True))


async def _follow(page: Path, reader: Reader) -> None:
    async with aclosing(reader):
        if page != RUN:
            await _begin(reader, serves=any("fenix serve" in b.text for b in blocks(page)))
        for block in blocks(page):
            await reader.do(block)


async def _begin(reader: Reader, *, serves: bool) -> None:
    """The folder and the server of run.md; a page that `serves` starts its own there."""
    for block in blocks(RUN):
        if not (block.stays and serves):
            await reader.do(block)
        if block.stays:
            return


@pytest.mark.parametrize("page", PLAYED, ids=lambda page: page.stem)
def test_a_page_can_be_followed(page: Path, outcomes: Outcomes) -> None:
    if problem := outcomes[page]:
        raise problem


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_block_is_what_it_says(page: Path) -> None:
    for block in blocks(page):
        check(block)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:]*)(#[^)]*)?\)", page.read_text()):
        there = page.parent / target if target else page
        assert there.exists(), f"{page.name}: {target}"
        assert not anchor or anchor[1:] in _anchors(there), f"{page.name}: {target}{anchor}"


def _anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_all_of_the_configuration_is_shown_with_its_defaults() -> None:
    section = RUN.read_text().partition("## All of the configuration")[2]
    shown = next(b.text for b in blocks(RUN) if b.language == "toml" and b.text in section)
    default, config = Config(), parse(shown)
    same = replace(config, cloud=default.cloud, actions={}, workflows=default.workflows)
    assert same == default
    table = tomllib.loads(shown)
    assert table.keys() == {part.name for part in fields(Config)}
    for name in table.keys() - {"actions"}:
        keys = {part.name for part in fields(getattr(default, name))}
        assert table[name].keys() == keys - NOT_SHOWN.get(name, set())


def test_the_options_in_the_configuration_can_be_carried_out() -> None:
    configs = [parse(b.text) for b in blocks(RUN) if b.language == "toml" and "[cloud]" in b.text]
    assert "openstack" in {config.cloud.kind for config in configs}
    assert any(config.actions for config in configs)
    for config in configs:
        if config.cloud.kind == "openstack":
            read_options(config.cloud.options, Options, "cloud.options")
        actions = config.actions.items()
        load_actions(
            [Configured(name=n, kind=a.kind, options=a.options) for n, a in actions], SystemClock()
        )
