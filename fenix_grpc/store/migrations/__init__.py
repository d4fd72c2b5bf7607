"""Revisions of the tables, carried out by alembic: see versions.py beside this folder for when."""
