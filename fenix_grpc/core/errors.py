"""What can go wrong, in the domain's own words. The one map to gRPC codes is in api/status.py.

FenixError
├── InvalidRequest        a field is wrong; `field` names it
├── NotFound              no such session, or it does not concern the project
├── WrongState            cannot be done in the session's present state
├── TooMany               a configured limit is reached; `quota` names it, `retry_s` says when to try again
├── TookTooLong           the call was given up; nobody knows whether it did anything
├── TooSlow               a watch whose reader takes nothing; `token` is where to go on
├── NotAllowed            the caller may not do this
├── NotAuthenticated      the caller did not say who it is
├── IdentityUnavailable   whoever knows the caller (Keystone) does not answer; try again
├── TokenTooOld           a watch token precedes what is kept; `oldest` is the first that works
├── Conflict              somebody else appended first (journal)
├── LeaseLost             another server carries the session now (journal)
├── StoreUnavailable      the database does not answer; try again
├── JournalUnreadable     the journal holds what this version cannot read
├── ShuttingDown          this server stops; try again, elsewhere or later
├── NotDelivered          a notice did not get through, or perhaps it did (`perhaps`)
├── CloudError
│   ├── CloudUnavailable  no answer, or an answer that may change by itself; try again
│   └── CloudRefused      a definite no, with the cloud's reason
└── PackageError
    ├── PackageUnavailable  it cannot be fetched now; try again
    └── PackageRefused    it is not what it should be, or may not be fetched
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

    def __init__(self, problem: str, *, quota: str = "", retry_s: float = 0.0) -> None:
        super().__init__(problem)
        #: The key of the configuration.
        self.quota = quota
        #: Trying again helps after so long; 0 when it is not time that helps.
        self.retry_s = retry_s


class TookTooLong(FenixError):
    """A call had no answer in time and was given up. Whether it has done anything is not known."""


class TooSlow(FenixError):
    """The reader of a watch takes nothing."""

    def __init__(self, token: str, stalled_s: float) -> None:
        super().__init__(f"nothing was read for {stalled_s:g} s; go on after {token or 'nothing'}")
        self.token = token


class NotAllowed(FenixError):
    """The caller may not do this."""


class NotAuthenticated(FenixError):
    """The caller did not say who it is, or could not prove it."""


class IdentityUnavailable(FenixError):
    """Whoever could tell who the caller is does not answer."""


class TokenTooOld(FenixError):
    """A watch token precedes what is kept."""

    def __init__(self, oldest: str) -> None:
        super().__init__(f"the token is too old; the oldest that works is {oldest}")
        self.oldest = oldest


class Conflict(FenixError):
    """Somebody else appended first."""


class LeaseLost(FenixError):
    """Another server carries the session now, or none; what this one computed for it is worth nothing."""


class StoreUnavailable(FenixError):
    """The database does not answer."""


class JournalUnreadable(FenixError):
    """The journal holds what this version cannot read."""


class ShuttingDown(FenixError):
    """This server stops."""


class NotDelivered(FenixError):
    """A notice did not get through."""

    def __init__(self, problem: str, *, perhaps: bool = False) -> None:
        super().__init__(problem)
        #: It may have arrived all the same: what must not arrive twice is not sent again.
        self.perhaps = perhaps


class CloudError(FenixError):
    """The cloud did not do as asked."""


class CloudUnavailable(CloudError):
    """The cloud gave no answer, or one that may change by itself."""


class CloudRefused(CloudError):
    """The cloud said no."""


class PackageError(FenixError):
    """A package of a session is not there."""


class PackageUnavailable(PackageError):
    """It cannot be fetched now."""


class PackageRefused(PackageError):
    """It is not what it should be, or may not be fetched."""
