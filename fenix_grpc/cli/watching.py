"""Follows a session until it ends and shows it: as a live picture on a terminal, as lines or as JSON elsewhere."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import aclosing, suppress

from fenix_client import Backoff, CallFailed, Client, watch_session
from rich.console import Console, RenderableType
from rich.live import Live

from fenix_grpc.cli.calls import Exit, explain
from fenix_grpc.cli.foresight import Foresight
from fenix_grpc.cli.live import picture
from fenix_grpc.cli.story import Line, Story
from fenix_grpc.clock import SystemClock
from fenix_grpc.v1.events_pb2 import SessionEvent
from fenix_grpc.v1.session_service_pb2 import GetSessionDetailRequest, GetSessionRequest
from fenix_grpc.v1.types_pb2 import SessionDetail, SessionState

#: Seconds between two pictures while things happen, and the most without a new one.
_BUSY_S = 0.25
_IDLE_S = 1.0
#: Lines of the story kept for the picture.
_KEPT_LINES = 50
#: A watch that cannot be resumed for about a minute is given up.
_ATTEMPTS = 12

Show = Callable[[SessionEvent], None]
OnBreak = Callable[[CallFailed, float], None]


def _ignore(failed: CallFailed, wait_s: float) -> None:
    pass


class _Progress:
    """The state of a session as told by its events."""

    def __init__(self) -> None:
        self.state = SessionState.SESSION_STATE_UNSPECIFIED
        self.seq = 0
        self.closed = False

    def see(self, event: SessionEvent) -> None:
        """Takes in the next event."""
        self.seq = event.seq
        kind = event.WhichOneof("event")
        if kind == "session_created":
            self.state = SessionState.SESSION_STATE_MAINTENANCE
        if kind in ("state_entered", "session_continued"):
            self.state = getattr(event, kind).state
        self.closed = self.closed or kind == "session_closed"

    @property
    def failed(self) -> bool:
        return self.state == SessionState.SESSION_STATE_MAINTENANCE_FAILED

    @property
    def exit_code(self) -> Exit:
        """What the end of the story means for a script."""
        return Exit.SESSION_FAILED if self.failed or self.closed else Exit.OK


async def follow(
    client: Client,
    session_id: str,
    show: Show,
    *,
    until: int | None = None,
    ongoing: bool = True,
    on_break: OnBreak = _ignore,
) -> Exit:
    """Shows every event of a session, or of all, until it ends or enters the state `until`; returns how it ended.

    A failed session has ended as well, unless an operator has continued it since. The first connection must succeed, so
    that a wrong address is told at once; later breaks are told to `on_break` and survived for a while.
    """
    progress = _Progress()
    connected = asyncio.Event()

    def broken(failed: CallFailed, wait_s: float) -> None:
        if not connected.is_set():
            raise failed
        on_break(failed, wait_s)

    backoff = Backoff(attempts=_ATTEMPTS, on_open=connected.set, on_break=broken)
    watch = watch_session(client, session_id, follow=ongoing, backoff=backoff)
    async with aclosing(watch):
        async for response in watch:
            for event in response.events:
                show(event)
                progress.see(event)
                if until is not None and progress.state == until:
                    return Exit.OK
            news = session_id and response.events
            if news and progress.failed and await _is_last(client, session_id, progress.seq):
                break
    return progress.exit_code if session_id else Exit.OK


async def _is_last(client: Client, session_id: str, seq: int) -> bool:
    response = await client.call(
        client.sessions.GetSession, GetSessionRequest(session_id=session_id)
    )
    return response.session.seq <= seq


class Lines:
    """Prints one line per event, or only the events that are no routine."""

    def __init__(
        self, say: Callable[[str], None], *, name_session: bool = False, routine: bool = True
    ) -> None:
        self._say = say
        self._name_session = name_session
        self._routine = routine
        self._stories: dict[str, Story] = {}

    def __call__(self, event: SessionEvent) -> None:
        line = self._stories.setdefault(event.session_id, Story()).tell(event)
        name = f"{event.session_id[:8]}  " if self._name_session else ""
        if self._routine or not line.routine:
            self._say(f"{name}{line}")


class Screen:
    """The live picture of one session."""

    def __init__(self, client: Client, session_id: str, console: Console, server: str) -> None:
        self._client = client
        self._session_id = session_id
        self._console = console
        self._server = server
        self._clock = SystemClock()
        self._story = Story()
        self._lines: deque[Line] = deque(maxlen=_KEPT_LINES)
        self._pause_s = _BUSY_S
        self._changed = asyncio.Event()
        self._ended = asyncio.Event()
        self._foresight = Foresight(client, session_id)
        #: The last detail that was fetched.
        self.detail = SessionDetail()

    async def run(self, *, until: int | None = None) -> Exit:
        """Shows the session until it ends, and leaves the last picture on the terminal."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._paint())
            foreseeing = tasks.create_task(self._foresight.run())
            try:
                return await follow(
                    self._client, self._session_id, self._show, until=until, on_break=self._broken
                )
            finally:
                foreseeing.cancel()
                self._ended.set()
                self._changed.set()

    def _show(self, event: SessionEvent) -> None:
        self._lines.append(self._story.tell(event))
        self._changed.set()

    def _broken(self, failed: CallFailed, wait_s: float) -> None:
        now = self._clock.now()
        text = f"{explain(failed, self._server)}; trying again"
        time = now.astimezone().strftime("%H:%M:%S")
        self._lines.append(Line(at=now, time=time, text=text, tone="bad"))

    async def _paint(self) -> None:
        with Live(console=self._console, auto_refresh=False, vertical_overflow="crop") as live:
            while True:
                await _at_most(self._changed, _IDLE_S)
                # what happens in quick succession is one picture
                await _at_most(self._ended, self._pause_s)
                last = self._ended.is_set()
                if self._changed.is_set():
                    self._changed.clear()
                    await self._fetch()
                if self.detail.session.session_id:
                    live.update(self._picture(), refresh=True)
                if last:
                    return

    def _picture(self) -> RenderableType:
        width, height = self._console.size
        now = self._clock.now()
        return picture(
            self.detail,
            list(self._lines),
            now,
            width=width,
            height=height,
            expected_end=self._foresight.latest,
        )

    async def _fetch(self) -> None:
        request = GetSessionDetailRequest(session_id=self._session_id)
        began = asyncio.get_running_loop().time()
        with suppress(CallFailed):  # the watch beside it reports what is wrong
            call = self._client.sessions.GetSessionDetail
            self.detail = (await self._client.call(call, request)).detail
        took_s = asyncio.get_running_loop().time() - began
        self._pause_s = max(_BUSY_S, 3 * took_s)  # a large session is fetched less often


async def _at_most(event: asyncio.Event, seconds: float) -> None:
    """Returns when the event is set, or after so many seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
