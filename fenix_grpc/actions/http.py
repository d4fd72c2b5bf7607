"""An action that has a service do the work: calls it, asks it until it is done or has failed, and calls it off when the
action must stop.

Where it calls is the operator's choice. Whatever else has a say in a URL (the host's name, metadata of a request, the
service's own answer) may change its path, and the server that is called only as far as `allowed_urls` says.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from fenix_grpc.actions.templates import check, values
from fenix_grpc.core.errors import InvalidRequest
from fenix_grpc.options import read_options
from fenix_grpc.outbound import Forbidden, Reach, call, reach
from fenix_grpc.ports import ActionRequest, ActionResult, Clock

#: The longest answer that is read.
_MOST_BYTES = 1024 * 1024
_OUTPUT_CHARACTERS = 4096
#: Seconds that calling off may take.
_CANCEL_S = 10.0
_EVERYWHERE = ("0.0.0.0/0", "::/0")
Seconds = Annotated[float, msgspec.Meta(gt=0, le=86400)]


class Secret(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a secret is: in a file, which is read at each call, or in the server's environment."""

    file: str = ""
    env: str = ""


class Call(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One call of the service."""

    url: str
    method: str = "POST"
    #: Sent as JSON; texts in it have places, and the text `{metadata}` stands for all of the action's metadata.
    body: Any = None


class Poll(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the service is asked for the result."""

    #: {location} is where the first answer points (its header Location), {reply[KEY]} a field of that answer.
    url: str = "{location}"
    interval_s: Seconds = 5.0
    #: The field of the answer that tells the state, as `job.status`.
    state: str = "state"
    done: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] = ("DONE",)
    failed: tuple[str, ...] = ("FAILED",)
    #: The field that says why.
    reason: str = "reason"


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of the action `http`."""

    start: Call
    #: Without it the action is done when the first call is answered.
    poll: Poll | None = None
    #: Called when the action must stop after it was started.
    cancel: Call | None = None
    #: Sent with every call; {secrets[NAME]} is replaced.
    headers: Mapping[str, str] = {}
    secrets: Mapping[str, Secret] = {}
    #: URLs that may be called; empty for the server of `start`.
    allowed_urls: tuple[str, ...] = ()
    ca_file: str = ""
    idempotent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the service said."""

    code: int
    text: str
    location: str = ""

    @property
    def ok(self) -> bool:
        return 200 <= self.code < 300

    @property
    def said(self) -> Any:
        """Its JSON; None for anything else."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None


class Http:
    """Calls the configured service."""

    def __init__(self, options: Options, may: Reach, clock: Clock) -> None:
        self.idempotent = options.idempotent
        self._options, self._may, self._clock = options, may, clock

    async def run(self, request: ActionRequest) -> ActionResult:
        """Starts the work and waits for its end. When this is cancelled, or its time is over, it is called off."""
        places: dict[str, Any] = {**values(request), "metadata": request.metadata}
        try:
            first = await self._call(self._options.start, places, request)
        except (Forbidden, httpx.HTTPError, OSError) as err:
            return ActionResult(
                ok=False, detail=f"could not be started: {err or type(err).__name__}"
            )
        if not first.ok:
            return _failed(f"could not be started: the service answers {first.code}", first)
        poll = self._options.poll
        if poll is None:
            return ActionResult(ok=True, detail=f"answered {first.code}", output=_end(first.text))
        places |= {"location": first.location, "reply": _quotable(first.said)}
        try:
            return await self._wait(poll, places, request)
        except asyncio.CancelledError:
            await self._call_off(places, request)
            raise

    async def _wait(
        self, poll: Poll, places: Mapping[str, Any], request: ActionRequest
    ) -> ActionResult:
        give_up_at = self._clock.now() + timedelta(seconds=request.timeout_s)
        ask = Call(url=poll.url, method="GET")
        while True:
            try:
                answer = await self._call(ask, places, request)
            except Forbidden as err:
                return ActionResult(ok=False, detail=f"its result cannot be asked for: {err}")
            except (httpx.HTTPError, OSError) as err:  # away for a moment: asked again
                answer = Answer(code=503, text=f"{err or type(err).__name__}")
            ended = _judged(poll, answer)
            if ended is not None:
                return ended
            next_at = self._clock.now() + timedelta(seconds=poll.interval_s)
            if next_at >= give_up_at:
                await self._call_off(places, request)
                return _failed(f"had no result after {request.timeout_s:g} s", answer)
            await self._clock.sleep_until(next_at)

    async def _call_off(self, places: Mapping[str, Any], request: ActionRequest) -> None:
        if self._options.cancel is None:
            return
        try:
            async with asyncio.timeout(_CANCEL_S):
                await self._call(self._options.cancel, places, request)
        except (TimeoutError, Forbidden, httpx.HTTPError, OSError):
            return  # nothing more can be done, and how the action ended is known

    async def _call(self, what: Call, places: Mapping[str, Any], request: ActionRequest) -> Answer:
        may = self._may
        try:
            url = _url(what.url, places)
            if not may.allowed_urls:
                may = replace(may, allowed_urls=(_origin(_url(self._options.start.url, places)),))
            body = None if what.body is None else json.dumps(_filled(what.body, places)).encode()
        except (KeyError, IndexError, AttributeError, TypeError, ValueError) as err:
            raise Forbidden(f"nothing is known for a place in {what.url}: {err!r}") from err
        kind = {} if body is None else {"Content-Type": "application/json"}
        headers = {**kind, **await asyncio.to_thread(self._headers, places)}
        async with call(may, what.method, url, headers=headers, content=body) as response:
            text = b""
            async for chunk in response.aiter_raw():
                text = (text + chunk)[:_MOST_BYTES]
            location = response.headers.get("location", "")
            return Answer(
                code=response.status_code,
                text=text.decode(errors="replace"),
                location=str(httpx.URL(url).join(location)) if location else "",
            )

    def _headers(self, places: Mapping[str, Any]) -> dict[str, str]:
        secrets = {name: _secret(where) for name, where in self._options.secrets.items()}
        known = {**places, "secrets": secrets}
        return {name: text.format_map(known) for name, text in self._options.headers.items()}


def create(options: Mapping[str, Any], clock: Clock) -> Http:
    """The action as configured."""
    chosen = read_options(options, Options, "options")
    later = {"location": "", "reply": _Anything(), "metadata": _Anything()}
    check("options.start.url", [chosen.start.url], {"metadata": _Anything()})
    if chosen.poll is not None:
        check("options.poll.url", [chosen.poll.url], later)
    if chosen.cancel is not None:
        check("options.cancel.url", [chosen.cancel.url], later)
    check(
        "options.headers", chosen.headers.values(), {"secrets": dict.fromkeys(chosen.secrets, "")}
    )
    authority = chosen.start.url.partition("://")[2].partition("/")[0]
    if "{" in authority.replace("{host}", "") and not chosen.allowed_urls:
        raise InvalidRequest(
            "options.allowed_urls",
            "is needed where more than {host} decides which server is called",
        )
    for name, secret in chosen.secrets.items():
        try:
            _secret(secret)
        except (OSError, KeyError) as err:
            raise InvalidRequest(f"options.secrets.{name}", f"cannot be read: {err}") from err
    may = reach("options", chosen.allowed_urls, _EVERYWHERE, chosen.ca_file)
    return Http(chosen, may, clock)


def _secret(where: Secret) -> str:
    return os.environ[where.env] if where.env else Path(where.file).read_text().strip()


def _url(template: str, places: Mapping[str, Any]) -> str:
    """What is put into it cannot change more than the part that it stands in; only {location} is a whole URL."""
    if template == "{location}":
        return str(places["location"])
    quoted = {name: _quoted(value) for name, value in places.items()}
    return template.format_map(quoted)


def _quoted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _quoted(inner) for key, inner in value.items()}
    text = quote(str(value), safe="")
    return {".": "%2E", "..": "%2E%2E"}.get(text, text)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/"


def _filled(body: Any, places: Mapping[str, Any]) -> Any:
    if body == "{metadata}":
        return places["metadata"]
    if isinstance(body, str):
        return body.format_map(places)
    if isinstance(body, Mapping):
        return {key: _filled(inner, places) for key, inner in body.items()}
    return [_filled(inner, places) for inner in body] if isinstance(body, list | tuple) else body


def _quotable(said: Any) -> Mapping[str, Any]:
    return said if isinstance(said, dict) else {}


def _judged(poll: Poll, answer: Answer) -> ActionResult | None:
    """The result that an answer tells; None while there is none."""
    if answer.code in (404, 410):
        return _failed(f"the service does not know of the work any more ({answer.code})", answer)
    state = _field(answer.said, poll.state) if answer.ok else None
    if state in poll.done:
        return ActionResult(ok=True, detail=str(state), output=_end(answer.text))
    if state in poll.failed:
        why = _field(answer.said, poll.reason)
        return _failed(f"{state}: {why}" if why else str(state), answer)
    return None


def _field(said: Any, path: str) -> Any:
    for key in path.split("."):
        said = said.get(key) if isinstance(said, dict) else None
    return said


def _failed(detail: str, answer: Answer) -> ActionResult:
    return ActionResult(ok=False, detail=detail, output=_end(answer.text))


def _end(text: str) -> str:
    return text[-_OUTPUT_CHARACTERS:]


class _Anything:
    """Stands for an object of which any field may be named when templates are checked."""

    def __getitem__(self, key: object) -> str:
        return ""
