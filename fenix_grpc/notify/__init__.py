"""The ways out of fenix: readers of the journal that carry what it tells to a message bus and to webhooks.

`courier.py` reads, keeps the order and tries again; `oslo.py` and `webhook.py` are the two sinks; `v1.py` writes what
they send as v1 clients know it. Who counts as listening because of an alarm or a webhook is said in `hearing.py`.
"""
