"""How answers, and the lack of one, become errors of the domain; and how the session with Keystone is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import yaml

from fenix_grpc.clock import SystemClock
from fenix_grpc.clouds.openstack import OpenStackCloud, connect
from fenix_grpc.clouds.openstack.rest import choose_microversion
from fenix_grpc.core.errors import CloudError, CloudRefused, CloudUnavailable, InvalidRequest
from fenix_grpc.core.model import InstanceAction
from tests.openstack.cloud import ADMIN, Lab
