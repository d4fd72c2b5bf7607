"""The sink `webhook`: what an alarm of the telemetry service would say, sent straight to the project's manager.

A manager may do all its work before it answers: scale its application, read and reply through the REST API. So there is
no short time-out and nothing is held meanwhile, and what changes the size of an application is never sent twice: when
it may have arrived, it counts as arrived, and the time for the reply decides the rest.
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import Sequence
from datetime import UTC, timedelta

import httpx
import msgspec

from fenix_grpc.core.errors import NotDelivered
from fenix_grpc.core.notices import ProjectNotice
from fenix_grpc.notify import v1
from fenix_grpc.outbound import Forbidden, Reach, call
from fenix_grpc.ports import Clock, Letter, Told, Webhook, Webhooks

#: Statuses that say that the request was not dealt with.
_LATER = frozenset({429, 503})
_ALARM = "fenix-maintenance"


class WebhookSink:
    """See `ports.Sink`. A lane per session and webhook: nobody waits for anybody else's manager."""

    name = "webhook"

    def __init__(
        self,
        webhooks: Webhooks,
        may: Reach,
        *,
        clock: Clock,
        public_url: str,
        patience_s: float,
        answer_s: float,
    ) -> None:
        """An answer may take `answer_s`; what asks for none is tried for `patience_s`."""
        self._webhooks = webhooks
        self._may = may
        self._clock = clock
        self._public_url = public_url
        self._patience = timedelta(seconds=patience_s)
        self._answer_s = answer_s

    async def letters(self, told: Told) -> Sequence[Letter]:
        """See the port."""
        return [
            self._letter(told, notice, webhook)
            for notice in told.notices
            for webhook in await self._webhooks.of(notice.project_id)
            if webhook.position < told.entry.position
        ]

    def _letter(self, told: Told, notice: ProjectNotice, webhook: Webhook) -> Letter:
        return v1.project_letter(
            notice,
            told.entry,
            v1.project_payload(
                notice,
                public_url=self._public_url,
                per_instance=notice.project_id in told.demanding,
            ),
            lane=f"{notice.session_id}/{webhook.webhook_id}",
            address=webhook.webhook_id,
            patience=self._patience,
        )

    async def deliver(self, letter: Letter) -> None:
        """See the port. A webhook that is gone has nothing left to wait for."""
        webhook = await self._webhooks.get(letter.address)
        if webhook is None:
            return
        body = msgspec.json.encode(alarm(letter))
        status = await self._post(webhook.url, body, self._headers(webhook, body))
        shown = _shown(webhook.url)
        if 200 <= status < 300:
            return
        if status in _LATER:
            raise NotDelivered(f"{shown} answers {status}")
        if 300 <= status < 400:
            raise NotDelivered(f"{shown} answers {status}: redirects are not followed")
        if not letter.optional:
            raise NotDelivered(f"{shown} answers {status}", perhaps=True)

    async def aclose(self) -> None:
        """See the port. Nothing is open between letters."""

    async def _post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        """The status of the answer; its body is of no interest and is not read."""
        post = call(self._may, "POST", url, headers=headers, content=body, silence_s=self._answer_s)
        try:
            async with post as response:
                return response.status_code
        except Forbidden as err:
            raise NotDelivered(str(err)) from err
        except (OSError, httpx.ConnectError, httpx.ConnectTimeout) as err:
            raise NotDelivered(f"no connection to {_shown(url)}: {_words(err)}") from err
        except httpx.ReadTimeout:
            return 200  # all was sent; the manager is still at work
        except httpx.HTTPError as err:
            raise NotDelivered(
                f"{_shown(url)} gave no answer: {_words(err)}", perhaps=True
            ) from err

    def _headers(self, webhook: Webhook, body: bytes) -> dict[str, str]:
        sent_at = str(int(self._clock.now().timestamp()))
        headers = {
            "content-type": "application/json",
            "x-openstack-request-id": f"req-{uuid.uuid4()}",
            "x-fenix-timestamp": sent_at,
        }
        if webhook.secret:
            headers["x-fenix-signature"] = signature(webhook.secret, sent_at, body)
        return headers


def signature(secret: str, sent_at: str, body: bytes) -> str:
    """What a receiver compares with the header: over the time of sending, a dot and the body as it came."""
    signed = hmac.new(secret.encode(), sent_at.encode() + b"." + body, hashlib.sha256)
    return f"sha256={signed.hexdigest()}"


def alarm(letter: Letter) -> dict[str, object]:
    """The body that Aodh's notifier sends for an event alarm."""
    generated = letter.at.astimezone(UTC).replace(tzinfo=None).isoformat()
    return {
        "alarm_name": _ALARM,
        "alarm_id": letter.address,
        "severity": "low",
        "previous": "alarm",
        "current": "alarm",
        "reason": f"Event {letter.message_id} of {letter.event_type}: {letter.title}",
        "reason_data": {
            "type": "event",
            "event": {
                "message_id": letter.message_id,
                "event_type": letter.event_type,
                "generated": generated,
                "traits": v1.traits(letter.payload),
                "raw": {},
                "message_signature": "",
            },
        },
    }


def _shown(url: str) -> str:
    """Without its query, which may be secret."""
    return url.partition("?")[0]


def _words(err: Exception) -> str:
    return str(err) or type(err).__name__
