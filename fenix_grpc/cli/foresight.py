"""When a session is expected to end, for whoever shows it: asked now and then, not missed when it is not known."""

from __future__ import annotations

from datetime import timedelta

import grpc
from fenix_client import CallFailed, Client

from fenix_grpc.cli.plan_tables import expected_end
from fenix_grpc.clock import SystemClock
from fenix_grpc.v1.session_service_pb2 import PlanSessionRequest

#: Seconds between two questions; a large session is asked about less often.
_PAUSE_S = 3.0
_PAUSES_PER_ANSWER = 10
#: Nothing will be different next time.
_IN_VAIN = {grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.PERMISSION_DENIED}


class Foresight:
    """The expected end of one session."""

    def __init__(self, client: Client, session_id: str) -> None:
        self._client = client
        self._request = PlanSessionRequest(session_id=session_id)
        self._clock = SystemClock()
        #: `22:41 (9 of 10: 22:55)`; empty as long as that is not known.
        self.latest = ""

    async def line(self) -> str:
        """Asks; empty where there is no answer."""
        try:
            return await self._ask()
        except CallFailed:
            return ""

    async def run(self) -> None:
        """Keeps `latest` up to date until it is cancelled."""
        while True:
            began = self._clock.now()
            try:
                self.latest = await self._ask()
            except CallFailed as failed:
                if failed.code in _IN_VAIN:
                    return
            took = self._clock.now() - began
            pause = max(timedelta(seconds=_PAUSE_S), _PAUSES_PER_ANSWER * took)
            await self._clock.sleep_until(self._clock.now() + pause)

    async def _ask(self) -> str:
        planning = self._client.sessions.PlanSession
        return expected_end((await self._client.call(planning, self._request)).plan)
