"""What can go wrong, in the domain's own words. The one map to gRPC codes is in api/status.py.

FenixError
├── InvalidRequest        a field is wrong; `field` names it
├── NotFound              no such session, or it does not concern the project
├── WrongState            cannot be done in the session's present state
├── TooMany               a configured limit is reached
├── NotAllowed            the caller may not do this
├── NotAuthenticated      the caller did not say who it is
├── TokenTooOld           a watch token precedes what is kept; `oldest` is the first that works
├── Conflict              somebody else appended first (journal)
├── StoreUnavailable      the database does not answer; try again
├── JournalUnreadable     the journal holds what this version cannot read
├── ShuttingDown          this server stops; try again, elsewhere or later
└── CloudError
    ├── CloudUnavailable  no answer, or an answer that may change by itself; try again
    └── CloudRefused      a definite no, with the cloud's reason
"""

from __future__ import annotations


class FenixError(Exception):
    """Root of all expected errors. The text is for the person who must act."""


class InvalidRequest(FenixError):
    """A field of a request is wrong."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class NotFound(FenixError):
    """The named thing does not exist for this caller."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} {name} is not known")
        self.kind = kind
        self.name = name


class WrongState(FenixError):
    """It cannot be done now."""


class TooMany(FenixError):
    """A configured limit is reached."""


class NotAllowed(FenixError):
    """The caller may not do this."""


class NotAuthenticated(FenixError):
    """The caller did not say who it is, or could not prove it."""


class TokenTooOld(FenixError):
    """A watch token precedes what is kept."""

    def __init__(self, oldest: str) -> None:
        super().__init__(f"the token is too old; the oldest that works is {oldest}")
        self.oldest = oldest


class Conflict(FenixError):
    """Somebody else appended first."""


class StoreUnavailable(FenixError):
    """The database does not answer."""


class JournalUnreadable(FenixError):
    """The journal holds what this version cannot read."""


class ShuttingDown(FenixError):
    """This server stops."""


class CloudError(FenixError):
    """The cloud did not do as asked."""


class CloudUnavailable(CloudError):
    """The cloud gave no answer, or one that may change by itself."""


class CloudRefused(CloudError):
    """The cloud said no."""
