"""Plug-ins that a package brings, each in a real process of its own."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from fenix_grpc.core.model import HostKind
from fenix_grpc.engine.guests import Guest
from fenix_grpc.ports import ActionRequest, ActionResult
from tests.docs.pages import DOCS, blocks


def a_request(directory: Path, timeout_s: float = 20.0) -> ActionRequest:
    return ActionRequest(
        session_id="s1",
        host="c1",
        host_kind=HostKind.COMPUTE,
        type="HOST",
        metadata={"image": "Queens"},
        session_metadata={"ticket": "CHG-1"},
        state="START_MAINTENANCE",
        packages=str(directory),
        timeout_s=timeout_s,
    )


async def run(directory: Path, code: str, timeout_s: float = 20.0) -> ActionResult:
    package = directory / "SW1"
    package.mkdir(exist_ok=True)
    (package / "fenix-plugins.toml").write_text('[plugins.flash]\nrun = "flash.py:Flash"\n')
    (package / "flash.py").write_text(dedent(code))
    return await Guest("SW1/flash").run(a_request(directory, timeout_s))


async def test_it_does_its_work_and_tells(tmp_path: Path) -> None:
    told = await run(
        tmp_path,
        """
        class Flash:
            def run(self, request):
                print("flashing", request.host, request.metadata["image"], request.type)
                return {"ok": True, "detail": f"{request.host} flashed"}
        """,
    )
    assert told == ActionResult(ok=True, detail="c1 flashed", output="flashing c1 Queens HOST\n")


async def test_it_may_be_written_like_an_installed_one(tmp_path: Path) -> None:
    """Asynchronous, with the result class of fenix, where that is installed."""
    told = await run(
        tmp_path,
        """
        import asyncio
        from dataclasses import dataclass

        @dataclass(slots=False)
        class Result:
            ok: bool
            detail: str = ""

        class Flash:
            idempotent = True
            async def run(self, request):
                await asyncio.sleep(0)
                return Result(ok=False, detail="no space left on device")
        """,
    )
    assert told == ActionResult(ok=False, detail="no space left on device")


async def test_d38_the_state_is_in_both_places(tmp_path: Path) -> None:
    told = await run(
        tmp_path,
        """
        class Flash:
            def run(self, request):
                return {"ok": self.state == self.session.state, "detail": self.state}
        """,
    )
    assert told == ActionResult(ok=True, detail="START_MAINTENANCE")


async def test_the_one_in_the_documents_runs(tmp_path: Path) -> None:
    files = {block.file: block.text for block in blocks(DOCS / "write-an-action.md")}
    (tmp_path / "SW1").mkdir()
    for name in ("SW1/fenix-plugins.toml", "SW1/flash.py"):
        (tmp_path / name).write_text(files[name])
    told = await Guest("SW1/flash").run(a_request(tmp_path))
    assert told == ActionResult(ok=True, detail="Queens image", output="flashing c1\n")


@pytest.mark.parametrize(
    ("body", "ok"), [("return None", True), ("return True", True), ("return False", False)]
)
async def test_little_is_enough_of_an_answer(tmp_path: Path, body: str, ok: bool) -> None:
    code = f"class Flash:\n    def run(self, request):\n        {body}\n"
    assert (await run(tmp_path, code)).ok is ok


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ("raise RuntimeError('boom')", "exit code 1"),
        ("import os; os._exit(0)", "gave no result"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "ended by signal 9"),
        ("return 7", "exit code 1"),
        ("return {'detail': 'well?'}", "gave no result"),
        ("return {'ok': 'yes'}", "gave no result"),
        ("import sys; sys.exit(3)", "exit code 3"),
    ],
)
async def test_what_it_does_wrong_is_a_failure_with_the_reason(
    tmp_path: Path, body: str, detail: str
) -> None:
    told = await run(tmp_path, f"class Flash:\n    def run(self, request):\n        {body}\n")
    assert not told.ok
    assert detail in told.detail


@pytest.mark.parametrize("code", ["import nothing_of_that_name", "class Other: ...", "def Flash(:"])
async def test_what_cannot_be_loaded_is_told(tmp_path: Path, code: str) -> None:
    told = await run(tmp_path, code)
    assert not told.ok
    assert "Error" in told.output


async def test_it_is_killed_with_what_it_has_started(tmp_path: Path) -> None:
    told = await run(
        tmp_path,
        """
        import subprocess, pathlib
        class Flash:
            def run(self, request):
                child = subprocess.Popen(["sleep", "600"], start_new_session=True)
                pathlib.Path(__file__).with_name("child").write_text(str(child.pid))
                child.wait()
        """,
        timeout_s=2.0,
    )
    assert (told.ok, told.detail) == (False, "killed: it had not ended after 2 s")
    child = int((tmp_path / "SW1/child").read_text())
    assert "sleep" not in _command(child)


def _command(pid: int) -> str:
    """What a process runs; empty for one that has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


async def test_it_sees_nothing_of_the_servers_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OS_PASSWORD", "secret")
    monkeypatch.setenv("FENIX_TOKEN", "secret")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    told = await run(
        tmp_path,
        """
        import os, sys
        class Flash:
            def run(self, request):
                print(sorted(os.environ), sys.path)
        """,
    )
    assert told.ok
    assert "OS_PASSWORD" not in told.output
    assert "FENIX_TOKEN" not in told.output
    assert "/nowhere" not in told.output


async def test_of_much_output_the_end_is_kept(tmp_path: Path) -> None:
    code = "class Flash:\n    def run(self, request):\n        print('x' * 10_000_000 + 'end')\n"
    told = await run(tmp_path, code)
    assert told.ok
    assert told.output.endswith("end\n")
    assert len(told.output) <= 4096


async def test_a_module_of_the_package_is_found(tmp_path: Path) -> None:
    (tmp_path / "SW1").mkdir()
    (tmp_path / "SW1/tools.py").write_text("VERSION = '12'\n")
    code = """
        import tools

        class Flash:
            def run(self, request):
                return {"ok": True, "detail": tools.VERSION}
        """
    assert (await run(tmp_path, code)).detail == "12"


async def test_a_package_that_is_not_there_is_told(tmp_path: Path) -> None:
    told = await Guest("SW1/flash").run(a_request(tmp_path))
    assert told.detail == "package SW1 brings no plug-ins: it has no fenix-plugins.toml at its top"
