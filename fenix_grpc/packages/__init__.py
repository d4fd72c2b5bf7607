"""What sessions bring for their actions: fetched from where the operator allows, checked before anything is read of it,
unpacked without trust, kept as long as its session. Nothing in here executes anything."""

from fenix_grpc.packages.depot import Depot, Rules, rules

__all__ = ["Depot", "Rules", "rules"]
