"""The work that tests do on a host: asks Nova, as an administrator, what is on it, and writes that down.

usage: witness.py CLOUDS_YAML FILE      (the host is in FENIX_HOST)
"""

import json
import os
import sys

import yaml
from keystoneauth1.adapter import Adapter
from keystoneauth1.identity import V3Password
from keystoneauth1.session import Session

clouds_yaml, out = sys.argv[1:]
host = os.environ["FENIX_HOST"]
with open(clouds_yaml) as file:
    entry = yaml.safe_load(file)["clouds"]["devcloud"]
nova = Adapter(Session(V3Password(**entry["auth"])), service_type="compute")
where = {"all_tenants": "1", "host": host}
servers = [s["name"] for s in nova.get("/servers", params=where).json()["servers"]]
what = {"binary": "nova-compute", "host": host}
(service,) = nova.get("/os-services", params=what).json()["services"]
with open(out, "a") as file:
    line = {"host": host, "servers": servers, "status": service["status"]}
    file.write(json.dumps(line) + "\n")
print(f"{host}: {len(servers)} servers, {service['status']}")
