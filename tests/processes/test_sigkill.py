"""The real server process, killed with SIGKILL at random moments: every session ends DONE, nothing is done twice, no
host is forgotten. CI kills 50 times in a row; elsewhere it is fewer."""

import asyncio
import os
import random

from fenix_grpc.cli.proof import broken_promises
from fenix_grpc.v1.types_pb2 import SessionState
from tests.processes.maintenance import CLOUD, MORE, a_request, check_steps, managed
from tests.processes.servers import ServerProcess
from tests.processes.sessions import create, end_of, read

KILLS = int(os.environ.get("FENIX_KILLS", "50" if os.environ.get("CI") else "8"))


async def test_killed_again_and_again(tmp_path):
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    chance = random.Random(seed)
    server = ServerProcess.simulated(tmp_path, CLOUD, MORE)
    await server.start()
    cloud = server.open_cloud()
    kills = sessions = 0
    try:
        while kills < KILLS:
            before, known = await cloud.inventory(), len(cloud.operations())
            async with server.client() as client, managed(client, cloud, "red"):
                session_id = await create(client, a_request(f"session-{sessions}"))
                async with asyncio.TaskGroup() as group:
                    ended = group.create_task(end_of(client, session_id))
                    while not ended.done() and kills < KILLS:
                        await asyncio.wait([ended], timeout=chance.uniform(0.05, 1.5))
                        await server.kill()
                        kills += 1
                        await server.start()
                journal = await read(client, session_id)
                last = journal[-1].state_entered
                assert ended.result() == SessionState.SESSION_STATE_MAINTENANCE_DONE, last.reason
            sessions += 1
            check_steps(journal)
            operations = cloud.operations()[known:]
            promises = broken_promises(before, await cloud.inventory(), operations, journal)
            assert not any(promises.values()), promises
        print(f"{kills} kills in {sessions} sessions")
    finally:
        await server.stop()
        await cloud.aclose()
