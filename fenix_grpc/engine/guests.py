"""Actions that a package brings, as guests: each run in a process of its own, without anything of the server's but what
every command sees, and killed with all that it has started when its time is over."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path

import msgspec

from fenix_grpc.actions.process import Ended, run_process
from fenix_grpc.core.errors import PackageRefused
from fenix_grpc.packages.manifest import plugin_of
from fenix_grpc.ports import ActionRequest, ActionResult

_MAIN = Path(__file__).with_name("guest_main.py")
_MOST_BYTES = 65536


class _Result(msgspec.Struct, frozen=True, kw_only=True):
    ok: bool
    detail: str = ""
    output: str = ""


class Guest:
    """The action `PACKAGE/NAME`. It never counts as idempotent: what it does is known when it is fetched, not when
    the session is created."""

    idempotent = False

    def __init__(self, plugin: str) -> None:
        self._package, _, self._name = plugin.partition("/")

    async def run(self, request: ActionRequest) -> ActionResult:
        """Runs it once. Real time: a process knows no other."""
        package = Path(request.packages) / self._package
        try:
            plugin = await asyncio.to_thread(plugin_of, package, self._name)
        except PackageRefused as err:
            return ActionResult(ok=False, detail=f"package {self._package} {err}")
        with tempfile.TemporaryDirectory(prefix="fenix-guest-") as work:
            (Path(work) / "request.json").write_text(json.dumps(_said(request)))
            argv = [sys.executable, "-I", str(_MAIN), work, str(package), plugin.file, plugin.name]
            ended = await run_process(argv, {}, request.timeout_s)
            return _result(ended, Path(work) / "result.json")


def _said(request: ActionRequest) -> dict[str, object]:
    return {
        "session_id": request.session_id,
        "state": request.state,
        "host": request.host,
        "host_kind": request.host_kind or "",
        "type": request.type,
        "metadata": dict(request.metadata),
        "session_metadata": dict(request.session_metadata),
        "packages": request.packages,
        "timeout_s": request.timeout_s,
    }


def _result(ended: Ended, file: Path) -> ActionResult:
    if ended.code != 0:
        return ActionResult(ok=False, detail=ended.detail, output=ended.output)
    try:
        with file.open("rb") as said:
            told = msgspec.json.decode(said.read(_MOST_BYTES), type=_Result)
    except (OSError, msgspec.MsgspecError) as err:
        return ActionResult(ok=False, detail=f"gave no result: {err}", output=ended.output)
    return ActionResult(ok=told.ok, detail=told.detail, output=told.output or ended.output)
