"""Action plug-ins that come with fenix; found by the entry points `fenix.actions` (see plugins.py)."""
