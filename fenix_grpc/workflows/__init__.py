"""Workflow plug-ins: each a transition table and one pure function from a session to what is to be done."""
