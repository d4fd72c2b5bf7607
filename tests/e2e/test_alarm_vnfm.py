"""The sample VNFM for alarms, a process of its own, told by a signed webhook; its hook scales an application."""

from __future__ import annotations

import sys
from pathlib import Path

import fenix_client
import httpx
import pytest

from fenix_grpc.cli.processes import free_ports, started
from fenix_grpc.v1.session_service_pb2 import CreateSessionRequest
from tests.e2e.test_dialogues import CLOUD, PROJECT
from tests.e2e.test_webhooks import DONE, SECRET, allowing
from tests.processes.servers import ServerProcess
from tests.processes.sessions import create, end_of, read

SAMPLE = Path(fenix_client.__file__).with_name("alarm_vnfm.py")
HOOK = """
import asyncio, sys
from pathlib import Path
from fenix_client import Memory
from fenix_grpc.cli.simulated_application import open_application
from fenix_grpc.v1.types_pb2 import Resources

folder, state = Path(sys.argv[1]), sys.argv[2]
memory = Memory(folder / "memory.json")
application = open_application({project!r}, folder / "cloud.sqlite", folder / "cloud.toml", memory)
host = Resources(vcpus=4, memory_mb=8192, disk_gb=40)
asyncio.run(application.scale_in(host) if state == "SCALE_IN" else application.scale_out())
"""


async def test_the_sample_leads_an_application_through_a_maintenance(tmp_path: Path) -> None:
    hook, (port,) = tmp_path / "hook.py", free_ports(1)
    url = f"http://127.0.0.1:{port}/maintenance"
    server = ServerProcess.simulated(tmp_path, CLOUD, allowing(url))
    hook.write_text(HOOK.format(project=PROJECT))
    command = [sys.executable, str(SAMPLE), "--port", str(port), "--secret", SECRET]
    options = ["--hook", f"{sys.executable} {hook} {tmp_path}", "--token", "echo a-token"]
    await server.start()
    async with started(tmp_path) as processes, server.client() as client:
        await processes.start("vnfm", [*command, *options])
        await processes.until_printed("vnfm", "listening")
        async with httpx.AsyncClient(trust_env=False) as http:
            hooks = f"{server.rest}/v1/projects/{PROJECT}/webhooks"
            created = await http.post(hooks, json={"url": url, "secret": SECRET})
            assert created.status_code == 200, created.text
            forged = await http.post(url, json={"reason_data": {}})
            assert forged.status_code == 403
        asked = CreateSessionRequest()
        asked.maintenance_at.GetCurrentTime()
        session_id = await create(client, asked)
        assert await end_of(client, session_id) == DONE
        journal = await read(client, session_id)
    await server.stop()
    assert not [e for e in journal if e.HasField("project_defaulted")]
    assert [e for e in journal if e.HasField("instance_action_done")]


@pytest.mark.parametrize("said", ['["i1"]', "[]"])
def test_a_list_of_ids_is_read_without_a_call(said: str) -> None:
    from fenix_client.alarm_vnfm import AlarmVnfm

    assert AlarmVnfm().instance_ids(said) == (["i1"] if "i1" in said else [])
