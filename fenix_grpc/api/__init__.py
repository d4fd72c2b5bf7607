"""The API: transport-neutral handlers behind one call chain, and the gRPC door to it.

Never calls the engine: both meet in the journal.
"""
