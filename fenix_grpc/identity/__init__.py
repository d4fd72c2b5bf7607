"""Who callers are.

Nobody is asked (none.py), tokens from a file (static.py), tokens of OpenStack (keystone.py), names of certificates
(certificates.py), or several of them (several.py).

keystone.py and catalogue.py need the extra `openstack` and are imported by those who use them.
"""

from fenix_grpc.identity.certificates import CertificateNames
from fenix_grpc.identity.none import NoAuth
from fenix_grpc.identity.several import KnowsTokens, Several
from fenix_grpc.identity.static import StaticTokens

__all__ = ["CertificateNames", "KnowsTokens", "NoAuth", "Several", "StaticTokens"]
