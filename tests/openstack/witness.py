"""The work that tests do on a host: asks Nova, as an administrator, what is on it, and writes that down.

usage: witness.py CLOUDS_YAML FILE      (the host is in FENIX_HOST)
"""

import json
import os
import sys

import yaml
from openstack.config import OpenStackConfig
from openstack.connection import Connection

clouds_yaml, out = sys.argv[1:]
host = os.environ["FENIX_HOST"]
with open(clouds_yaml) as file:
    entry = yaml.safe_load(file)["clouds"]["devcloud"]
config = OpenStackConfig(load_yaml_config=False, load_envvars=False).get_one(**entry)
compute = Connection(config=config).compute
servers = [s.name for s in compute.servers(all_projects=True, compute_host=host)]
(service,) = compute.services(binary="nova-compute", host=host)
with open(out, "a") as file:
    line = {"host": host, "servers": servers, "status": service.status}
    file.write(json.dumps(line) + "\n")
print(f"{host}: {len(servers)} servers, {service.status}")
