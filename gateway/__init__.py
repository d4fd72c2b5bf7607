"""REST for fenix: an ASGI transcoder driven by the google.api.http annotations, and the views that v1 clients know.

It translates and decides nothing, and knows of fenix only the generated stubs: whoever performs the calls is handed in.

    app = create_app(backend)                          # in the server's process
    app = create_app(ChannelBackend(channel))          # on its own
    await serve(app, "127.0.0.1", 12347, stop=stop)
"""

from gateway.app import App, create_app
from gateway.asgi import Limits
from gateway.backend import Backend, Metadata, RpcError
from gateway.channel import ChannelBackend
from gateway.serve import serve

__all__ = [
    "App",
    "Backend",
    "ChannelBackend",
    "Limits",
    "Metadata",
    "RpcError",
    "create_app",
    "serve",
]
