"""A cloud without a cloud: hosts, instances, placement, time and faults from a readable file.

For demonstrations, tests and for trying a workflow before it meets a real cloud. Not a mock: it keeps the whole
contract of the Cloud port, and its projects may scale their own application in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from fenix_grpc.clouds.simulated.cloud import Server, SimulatedCloud
from fenix_grpc.clouds.simulated.definition import Definition, Fault, load, parse
from fenix_grpc.clouds.simulated.rows import Operation
from fenix_grpc.options import read_options
from fenix_grpc.ports import Clock

__all__ = [
    "DEMO",
    "Definition",
    "Fault",
    "Operation",
    "Server",
    "SimulatedCloud",
    "create",
    "load",
    "parse",
]

#: A small cloud to look at: 10 hosts, 40 instances, three projects.
DEMO = Path(__file__).with_name("demo.toml")


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of the cloud `simulated`."""

    #: Path of the description.
    file: str = str(DEMO)
    #: Path of the state, which outlives the process; empty keeps the cloud in memory.
    state: str = ""


def create(options: Mapping[str, Any], clock: Clock) -> SimulatedCloud:
    """The cloud as configured."""
    chosen = read_options(options, Options, "options")
    return SimulatedCloud.open(chosen.file, clock=clock, state=chosen.state)
