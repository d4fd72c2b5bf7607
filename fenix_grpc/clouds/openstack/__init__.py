"""OpenStack driver: `connect` gives the Cloud port over Nova and Placement.

rest.py is the door (threads, microversions, errors), nova.py the requests, inventory.py the look at everything and
moves.py the one loop. Needs the extra `openstack`.
"""

from fenix_grpc.clouds.openstack.cloud import OpenStackCloud, connect

__all__ = ["OpenStackCloud", "connect"]
