"""What a project's manager calls to be told by HTTP. The delivering is done elsewhere (notify/), from the journal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from uuid import uuid4

from fenix_grpc.api.changes import Call
from fenix_grpc.api.convert import to_timestamp
from fenix_grpc.api.validate import check_text
from fenix_grpc.core.errors import InvalidRequest, TooMany, WrongState
from fenix_grpc.outbound import Forbidden
from fenix_grpc.ports import Caller, Clock, Journal, Webhook, Webhooks
from fenix_grpc.v1 import project_service_pb2 as pb

#: Webhooks that a project may have.
MOST = 20
_LONGEST_URL = 2048
_SECRET_CHARS = range(16, 1025)

#: Raises Forbidden for a URL that this server may not call.
CheckUrl = Callable[[str], object]


class WebhookRecords:
    """The methods of ProjectService for webhooks."""

    def __init__(
        self, webhooks: Webhooks, journal: Journal, clock: Clock, check_url: CheckUrl | None
    ) -> None:
        """Without `check_url` this server calls nobody."""
        self._webhooks = webhooks
        self._journal = journal
        self._clock = clock
        self._check_url = check_url
        self._creating = asyncio.Lock()

    async def create_webhook(
        self, request: pb.CreateWebhookRequest, caller: Caller
    ) -> pb.CreateWebhookResponse:
        """The project counts as listening from now on."""
        if self._check_url is None:
            raise WrongState("this server sends to no URL: its [webhooks] allow none")
        check_text("url", request.url, _LONGEST_URL)
        try:
            self._check_url(request.url)
        except Forbidden as err:
            raise InvalidRequest("url", str(err)) from err
        if request.secret and len(request.secret) not in _SECRET_CHARS:
            raise InvalidRequest("secret", "16 to 1024 characters, or none")
        key = Call(request=request, caller=caller, response=pb.CreateWebhookResponse).key
        webhook = Webhook(
            # The same for a repeated request, which so finds what the first one made.
            webhook_id=key[:32] or uuid4().hex,
            project_id=request.project_id,
            url=request.url,
            secret=request.secret,
            created_at=self._clock.now(),
        )
        async with self._creating:
            known = await self._webhooks.of(request.project_id)
            if len(known) >= MOST and webhook.webhook_id not in {w.webhook_id for w in known}:
                raise TooMany(f"project {request.project_id} has {MOST} webhooks: delete one first")
            kept = await self._webhooks.add(webhook)
        await self._journal.heard([request.project_id], self._clock.now())
        return pb.CreateWebhookResponse(webhook=_view(kept))

    async def list_webhooks(
        self, request: pb.ListWebhooksRequest, caller: Caller
    ) -> pb.ListWebhooksResponse:
        """All of a project."""
        found = await self._webhooks.of(request.project_id)
        return pb.ListWebhooksResponse(webhooks=[_view(webhook) for webhook in found])

    async def delete_webhook(
        self, request: pb.DeleteWebhookRequest, caller: Caller
    ) -> pb.DeleteWebhookResponse:
        """Nothing to remove is fine."""
        await self._webhooks.remove(request.project_id, request.webhook_id)
        return pb.DeleteWebhookResponse()


def _view(webhook: Webhook) -> pb.Webhook:
    return pb.Webhook(
        webhook_id=webhook.webhook_id,
        project_id=webhook.project_id,
        url=webhook.url,
        signed=bool(webhook.secret),
        created_at=to_timestamp(webhook.created_at),
    )
