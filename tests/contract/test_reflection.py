"""What a stranger with grpcurl finds out about a running server by reflection, held to a snapshot.

`python -m tests.contract.test_reflection` writes the snapshot anew after a change of the contract.
"""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
from pathlib import Path

from tests.contract.golang import grpcurl
from tests.processes.servers import ServerProcess

SNAPSHOT = Path(__file__).with_name("reflection.txt")
CLOUD = """
[[hosts]]
name = "compute-1"
vcpus = 8
memory_mb = 32768
disk_gb = 200
"""


async def reflected(directory: Path) -> str:
    """The answers to `list`, and to `describe` for every service."""
    program = grpcurl()
    server = ServerProcess.simulated(directory, CLOUD)
    await server.start()

    def ask(*words: str) -> str:
        command = [program, "-plaintext", server.grpc, *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return f"$ grpcurl -plaintext HOST:PORT {' '.join(words)}\n{done.stdout}"

    try:
        listed = ask("list")
        services = [line for line in listed.splitlines()[1:] if line.startswith("fenix.")]
        return "\n".join([listed, *(ask("describe", service) for service in services)])
    finally:
        await server.stop()


async def test_reflection_shows_the_contract(tmp_path: Path) -> None:
    found = await reflected(tmp_path)
    assert found == SNAPSHOT.read_text(), f"write it anew: python -m {__name__}"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        SNAPSHOT.write_text(asyncio.run(reflected(Path(place))))
