"""An action that runs an Ansible playbook on one host, by way of ansible-runner (`pip install 'fenix-grpc[ansible]'`).

The playbook is the operator's choice: a file of this machine, or one of a package of the session. It is limited to the
host, and sees the metadata of the action as variables. What Ansible keeps of a run is gone with it.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from fenix_grpc.actions.process import MARK, inherited, kill_marked, new_mark
from fenix_grpc.actions.templates import check, values
from fenix_grpc.core.errors import InvalidRequest
from fenix_grpc.options import read_options
from fenix_grpc.ports import ActionRequest, ActionResult, Clock

_OUTPUT_CHARACTERS = 4096
#: Seconds between two looks of ansible-runner at whether it shall stop.
_LOOK_S = 0.5
#: ansible-runner: how a run ended that was ended from outside.
_STOPPED = frozenset({"timeout", "canceled"})


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of the action `ansible`."""

    #: Its file; {packages} is the directory with the packages of the session.
    playbook: str
    #: A file or directory of hosts, or hosts with commas, as `{host},`.
    inventory: str = "{host},"
    #: Variables besides the metadata, which cannot change them.
    vars: Mapping[str, Any] = {}
    #: Added to the environment, such as ANSIBLE_CONFIG.
    env: Mapping[str, str] = {}
    idempotent: bool = False


class Ansible:
    """Runs the configured playbook. Real time: Ansible knows no other."""

    def __init__(self, options: Options) -> None:
        self.idempotent = options.idempotent
        self._options = options

    async def run(self, request: ActionRequest) -> ActionResult:
        """Runs it for one host, in a thread. It and all it started are ended at the time-out and when this is
        cancelled."""
        places = values(request)
        playbook = Path(self._options.playbook.format_map(places))
        if not await asyncio.to_thread(playbook.is_file):
            return ActionResult(ok=False, detail=f"there is no playbook {playbook}")
        stop = threading.Event()
        work = asyncio.ensure_future(asyncio.to_thread(self._run, playbook, request, stop))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            stop.set()
            await asyncio.wait([work])
            raise

    def _run(self, playbook: Path, request: ActionRequest, stop: threading.Event) -> ActionResult:
        from ansible_runner.interface import init_runner

        mark = new_mark()
        with tempfile.TemporaryDirectory(prefix="fenix-ansible-") as private:
            ran = init_runner(
                private_data_dir=private,
                project_dir=str(playbook.parent),
                playbook=playbook.name,
                inventory=self._inventory(request),
                limit=request.host or None,
                extravars={**request.metadata, **self._options.vars, **_facts(request)},
                envvars={"ANSIBLE_NOCOLOR": "1", **self._options.env, MARK: mark},
                settings={
                    "suppress_env_files": True,
                    "pexpect_timeout": _LOOK_S,
                    "job_timeout": int(max(1, request.timeout_s)),
                },
                cancel_callback=stop.is_set,
                quiet=True,
            )
            ran.config.env = _without_secrets(ran.config.env)
            ran.run()
            if ran.status in _STOPPED:
                kill_marked(mark)  # its workers live in sessions of their own
            with ran.stdout as printed:
                output = printed.read()[-_OUTPUT_CHARACTERS:]
        return ActionResult(
            ok=ran.status == "successful", detail=_ending(ran, request), output=output
        )

    def _inventory(self, request: ActionRequest) -> str:
        """As Ansible wants it: a path that is whole, or names with commas."""
        named = self._options.inventory.format_map(values(request))
        return named if "," in named else os.path.abspath(named)


def create(options: Mapping[str, Any], clock: Clock) -> Ansible:
    """The action as configured."""
    del clock
    chosen = read_options(options, Options, "options")
    check("options.playbook", [chosen.playbook])
    check("options.inventory", [chosen.inventory])
    try:
        import ansible_runner  # noqa: F401
    except ImportError as err:
        raise InvalidRequest(
            "kind", "ansible needs the package ansible-runner: pip install 'fenix-grpc[ansible]'"
        ) from err
    return Ansible(chosen)


def _without_secrets(env: Mapping[str, str]) -> dict[str, str]:
    """Not what it has of the server's environment, but for what every program sees."""
    few = inherited()
    return {n: v for n, v in env.items() if n in few or os.environ.get(n) != v}


def _facts(request: ActionRequest) -> dict[str, str]:
    return {f"fenix_{name}": value for name, value in values(request).items()}


def _ending(ran: Any, request: ActionRequest) -> str:
    if ran.status == "timeout":
        return f"stopped: it had not ended after {request.timeout_s:g} s"
    return f"{ran.status}, exit code {ran.rc}"
