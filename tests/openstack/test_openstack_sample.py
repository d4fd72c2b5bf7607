"""The sample of docs/integrate-openstack.md as it stands there: a script that makes an application and scales it, and a
manager that an alarm tells; besides, a check that asks Nova about the host.

Needs the telemetry services: TELEMETRY=1 tests/devcloud/up.sh.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import fenix_client

from fenix_grpc.cli.processes import free_ports
from fenix_grpc.v1.types_pb2 import ActionType
from tests.openstack.cloud import ADMIN, STATE_DIR, Lab
from tests.openstack.site import DONE, Site, check_nova, request, servers
from tests.processes.sessions import create, end_of, read

#: Two instances on each are all that there is room for.
HOSTS, WORKERS, HALF = 3, 4, "huge"
SCRIPT = Path(__file__).parents[2] / "deploy" / "openstack" / "sample" / "vnf.sh"
MANAGER = Path(fenix_client.__file__).with_name("alarm_vnfm.py")
ASK_NOVA = """
state=$(openstack compute service list --service nova-compute --host "$FENIX_HOST" -f value -c State)
echo "nova-compute is $state"
test "$state" = up
"""


async def test_the_sample_application_and_its_manager(lab: Lab, tmp_path: Path) -> None:
    project, hosts = lab.project("sample"), lab.hosts()[:HOSTS]
    for other in lab.hosts()[HOSTS:]:
        lab.disable(other, "not part of this test")
    lookup = {
        "PATH": f"{STATE_DIR / 'venv' / 'bin'}:{os.environ['PATH']}",
        "OS_CLIENT_CONFIG_FILE": str(lab.write_clouds_yaml(tmp_path / "clouds.yaml")),
        "FENIX_SAMPLE_NOTES": str(tmp_path / "notes"),
    }
    theirs, ours = {**lookup, "OS_CLOUD": project.name}, {**lookup, "OS_CLOUD": ADMIN}
    site = Site(lab, tmp_path, timers="reply_s = 120\nscale_reply_s = 180", more=_more(lab, ours))
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}/maintenance"

    async def script(*words: str) -> None:
        await asyncio.to_thread(
            subprocess.run, [SCRIPT, *words], check=True, env=os.environ | theirs, timeout=300
        )

    async with site.open() as (client, processes):
        command = [sys.executable, str(MANAGER), "--port", str(port)]
        options = ["--token", "openstack token issue -f value -c id", "--hook", str(SCRIPT)]
        await processes.start("vnfm", [*command, *options], environ=theirs)
        await processes.until_printed("vnfm", "listening")
        try:
            await script("up", HALF, "tiny", "shared", url, str(WORKERS))
            before = servers(lab)
            await site.until_heard(project)
            asked = request(*hosts)
            asked.actions.add(plugin="healthy", type=ActionType.ACTION_TYPE_CHECK)
            session_id = await create(client, asked)
            assert await end_of(client, session_id) == DONE
            journal = await read(client, session_id)
            for other in lab.hosts()[HOSTS:]:
                lab.admin.compute.enable_service(lab.service(other))
            check_nova(site, before, journal, *hosts)
            at = Counter(
                s.compute_host for s in project.admin.compute.servers() if "_ha_" in s.name
            )
            assert set(at.values()) == {1}, at
        finally:
            await script("down")
    assert list(project.connection.compute.servers()) == []
    heard = processes.log("vnfm").read_text()
    assert all(
        word in heard for word in ('-> {"state": "ACK_SCALE_IN"}', "ACK_MAINTENANCE_COMPLETE")
    )
    printed = Counter(event.step_ended.output.strip() for event in journal)
    assert printed["nova-compute is up"] == 2 * HOSTS, printed


def _more(lab: Lab, environ: dict[str, str]) -> str:
    variables = ", ".join(f"{name} = {json.dumps(value)}" for name, value in environ.items())
    command = json.dumps(["sh", "-c", ASK_NOVA])
    return f"""
[oslo]
transport_url = "{lab.transport_url}"
[aodh]
cloud = "{ADMIN}"
[actions.healthy]
kind = "command"
options = {{ command = {command}, env = {{ {variables} }}, idempotent = true }}
"""
