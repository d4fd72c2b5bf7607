"""The ansible action with a real Ansible, which works on this machine under the name of a host."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fenix_grpc.actions.ansible import Ansible, create
from fenix_grpc.clock import SystemClock
from fenix_grpc.core.errors import InvalidRequest
from tests.actions.test_actions_command import a_request, alive
from tests.e2e.service import until

# A library of the message bus, if it is in this process, warns of every fork; here the child is Ansible at once.
pytestmark = pytest.mark.filterwarnings("ignore:Using fork:DeprecationWarning")

PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.shell: "{{ command }}"
      register: shown
    - ansible.builtin.debug:
        msg: "{{ fenix_session_id }} {{ inventory_hostname }} {{ firmware | default('none') }} {{ shown.stdout }}"
"""


@pytest.fixture(autouse=True)
def ansible_of_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is for a server that was started in its environment."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")


@pytest.fixture
def book(tmp_path: Path) -> Path:
    book = tmp_path / "SW1/upgrade.yml"
    book.parent.mkdir()
    book.write_text(PLAYBOOK)
    local = f"ansible_connection=local ansible_python_interpreter={sys.executable}"
    (tmp_path / "hosts").write_text(f"compute-1 {local}\ncompute-2 {local}\n")
    return book


def an_action(book: Path, command: str, **options: Any) -> Ansible:
    given = {
        "vars": {"command": command},
        "inventory": str(book.parent.parent / "hosts"),
        **options,
    }
    return create({"playbook": str(book), **given}, SystemClock())


async def test_it_is_limited_to_the_host_and_knows_the_metadata(book: Path) -> None:
    result = await an_action(book, "echo ran").run(a_request(metadata={"firmware": "1.2"}))
    assert (result.ok, result.detail) == (True, "successful, exit code 0"), result.output
    assert "s1 compute-1 1.2 ran" in result.output
    assert "compute-2" not in result.output


async def test_the_secrets_of_the_server_are_not_told(
    book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OS_PASSWORD", "geheim")
    result = await an_action(book, 'echo "[$OS_PASSWORD]"').run(a_request())
    assert "none []" in result.output


async def test_metadata_cannot_change_what_the_operator_set(book: Path) -> None:
    result = await an_action(book, "echo mine").run(a_request(metadata={"command": "echo evil"}))
    assert "mine" in result.output
    assert "evil" not in result.output


async def test_a_playbook_that_fails_says_so(book: Path) -> None:
    result = await an_action(book, "echo no space; exit 3").run(a_request())
    assert (result.ok, result.detail) == (False, "failed, exit code 2")
    assert "no space" in result.output


async def test_the_playbook_comes_with_a_package(book: Path) -> None:
    action = an_action(book, "echo ran", playbook="{packages}/SW1/upgrade.yml")
    request = a_request()
    assert (await action.run(replace(request, packages=str(book.parent.parent)))).ok
    result = await action.run(request)
    assert (result.ok, result.detail) == (False, "there is no playbook /SW1/upgrade.yml")


async def test_it_ends_with_its_time(book: Path, tmp_path: Path) -> None:
    action = an_action(book, f"echo $$ > {tmp_path}/begun; sleep 600")
    result = await action.run(a_request(timeout_s=10))
    assert (result.ok, result.detail) == (False, "stopped: it had not ended after 10 s")
    assert not alive((tmp_path / "begun").read_text())


async def test_it_ends_when_it_is_cancelled(book: Path, tmp_path: Path) -> None:
    action = an_action(book, f"echo $$ > {tmp_path}/begun; exec sleep 600")
    run = asyncio.ensure_future(action.run(a_request()))

    async def look() -> str:
        begun = tmp_path / "begun"
        return await asyncio.to_thread(begun.read_text) if begun.exists() else ""

    pid = await until(look, bool)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert not alive(pid)


def test_a_wrong_place_is_named() -> None:
    with pytest.raises(InvalidRequest, match=r"options\.playbook"):
        create({"playbook": "{nothing}.yml"}, SystemClock())
