"""Judges recorded sessions: were all promises kept at every moment? The answer is a certificate.

It exists so that nobody has to believe the planner, the safety rules or the fold. For that it shares no code with them:
it knows the events, the nouns and the constraints of the core and nothing else, replays a journal with dictionaries
and prefers the obvious to the clever. An import contract and a test keep it so.
"""

from fenix_grpc.checker.certificate import (
    Case,
    Certificate,
    RuleResult,
    Tightest,
    as_document,
    as_text,
)
from fenix_grpc.checker.verify import verify

__all__ = ["Case", "Certificate", "RuleResult", "Tightest", "as_document", "as_text", "verify"]
