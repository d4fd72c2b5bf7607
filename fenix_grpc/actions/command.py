"""An action that runs a command of the operator's choice, once per host: beside the server, or on the host by ssh.

What is run comes from the server's configuration alone; a request can only name it. There is no shell on the server's
side. The command sees what it works on in its arguments and environment. Over ssh the key of a host must be known
beforehand: a host that is not the one it was is not logged in to.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from fenix_grpc.actions.process import run_process
from fenix_grpc.actions.templates import check, values
from fenix_grpc.options import read_options
from fenix_grpc.ports import ActionRequest, ActionResult, Clock

#: ssh(1): the exit code for an error of its own.
_SSH_FAILED = 255


class Ssh(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the host is reached. The rest is as in the ssh configuration of the user who runs the server."""

    #: Name or address; {host} is replaced.
    address: str = "{host}"
    user: str = ""
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 22
    identity_file: str = ""
    #: The keys of the hosts; empty for the user's.
    known_hosts: str = ""
    connect_s: Annotated[int, msgspec.Meta(ge=1, le=3600)] = 10
    #: Further options by their names in ssh_config(5).
    options: Mapping[str, str] = {}


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of the action `command`."""

    #: Program and arguments; {host}, {host_kind}, {type}, {session_id} and {packages} are replaced, {{ is a brace.
    command: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    #: Added to its environment.
    env: Mapping[str, str] = {}
    #: May be run again on the same host after an unknown outcome, such as the death of the server.
    idempotent: bool = False
    #: Runs it on the host; without it on the machine of the server.
    ssh: Ssh | None = None


class Command:
    """Runs the configured command. Real time: a command knows no other."""

    def __init__(self, options: Options) -> None:
        self.idempotent = options.idempotent
        self._options = options

    async def run(self, request: ActionRequest) -> ActionResult:
        """Runs it on one host. It and all it started are killed at the time-out, and when this is cancelled."""
        if request.host.startswith("-"):
            return ActionResult(ok=False, detail=f"{request.host} could be taken for an option")
        argv, env = arguments(self._options.command, request), self._environment(request)
        ssh = self._options.ssh
        if ssh is None:
            ended = await run_process(argv, env, request.timeout_s)
            return ActionResult(ok=ended.code == 0, detail=ended.detail, output=ended.output)
        if not request.host:
            return ActionResult(ok=False, detail="runs by ssh on a host: pre and post have none")
        env.pop("FENIX_PACKAGES")  # a directory of this machine
        ended = await run_process(over_ssh(ssh, argv, env, request), {}, request.timeout_s)
        where = " (of ssh: it could not log in, or lost the host)"
        return ActionResult(
            ok=ended.code == 0,
            detail=ended.detail + (where if ended.code == _SSH_FAILED else ""),
            output=ended.output.replace("\r\n", "\n"),
        )

    def _environment(self, request: ActionRequest) -> dict[str, str]:
        return {
            **self._options.env,
            "FENIX_SESSION_ID": request.session_id,
            "FENIX_HOST": request.host,
            "FENIX_HOST_KIND": request.host_kind or "",
            "FENIX_ACTION_TYPE": request.type,
            "FENIX_METADATA": json.dumps(request.metadata),
            "FENIX_PACKAGES": request.packages,
        }


def create(options: Mapping[str, Any], clock: Clock) -> Command:
    """The action as configured."""
    del clock
    chosen = read_options(options, Options, "options")
    check("options.command", chosen.command)
    if chosen.ssh is not None:
        check("options.ssh.address", [chosen.ssh.address])
    return Command(chosen)


def arguments(command: tuple[str, ...], request: ActionRequest) -> list[str]:
    """The program and its arguments for one run."""
    known = values(request)
    return [argument.format_map(known) for argument in command]


def over_ssh(
    ssh: Ssh, argv: list[str], env: Mapping[str, str], request: ActionRequest
) -> list[str]:
    """The same on the host. A terminal is asked for, so that what runs there ends with the connection."""
    chosen = {
        "BatchMode": "yes",
        "StrictHostKeyChecking": "yes",
        "ConnectTimeout": str(ssh.connect_s),
        "ServerAliveInterval": "15",
        "ServerAliveCountMax": "4",
        "LogLevel": "ERROR",
        "Port": str(ssh.port),
        **({"UserKnownHostsFile": ssh.known_hosts} if ssh.known_hosts else {}),
        **({"IdentityFile": ssh.identity_file} if ssh.identity_file else {}),
        **({"User": ssh.user} if ssh.user else {}),
    }
    more = {name: value for name, value in ssh.options.items() if name not in chosen}
    said = [f"-o{name}={value}" for name, value in {**chosen, **more}.items()]
    remote = ["env", *(f"{name}={value}" for name, value in env.items()), *argv]
    address = ssh.address.format_map(values(request))
    return ["ssh", "-tt", *said, "--", address, shlex.join(remote)]
