"""Drivers of the Cloud port, one package or module each; found by the entry points `fenix.clouds` (see plugins.py)."""
