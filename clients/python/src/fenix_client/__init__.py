"""A thin asynchronous Python client of fenix: `connect`, the generated stubs, watches that resume, readable errors.

`fenix_client.vnfm` is a sample manager of a project's application, made to be copied.
"""

from fenix_client.connection import Client, connect, tls_credentials
from fenix_client.errors import CallFailed
from fenix_client.memory import Memory
from fenix_client.watch import Backoff, patiently, watch_project, watch_session

__all__ = [
    "Backoff",
    "CallFailed",
    "Client",
    "Memory",
    "connect",
    "patiently",
    "tls_credentials",
    "watch_project",
    "watch_session",
]
