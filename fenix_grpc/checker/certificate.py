"""What the checker has to say: each rule, how often it was checked, how close it came, and where it was broken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

#: Cases of one rule that the text tells; the document has all.
TOLD = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Something that happened, and the numbers of the events that show it."""

    seqs: tuple[int, ...]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tightest:
    """The moment at which a rule came closest to being broken; the first of them when there are several."""

    #: What was left; its unit is told by `text`.
    slack: float
    seq: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleResult:
    """What became of one rule."""

    name: str
    #: The rule in one sentence.
    means: str
    #: How often there was something to judge.
    checked: int
    #: None for rules that are kept or broken with nothing between, and where nothing was judged.
    tightest: Tightest | None
    violations: tuple[Case, ...]
    #: Worth knowing, but not done by the session, or not to be told from its journal alone.
    found: tuple[Case, ...]

    @property
    def verdict(self) -> str:
        """One word: BROKEN, unused or kept."""
        if self.violations:
            return "BROKEN"
        return "kept" if self.checked else "unused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What a journal proves."""

    session_id: str
    #: Number of events that were read.
    events: int
    #: Where the session was at the end of them; empty for an empty journal.
    state: str
    rules: tuple[RuleResult, ...]

    @property
    def ok(self) -> bool:
        """No rule was broken. An empty journal proves nothing and is not ok."""
        return self.events > 0 and not any(rule.violations for rule in self.rules)


def as_document(certificate: Certificate) -> dict[str, Any]:
    """As JSON has it: dictionaries, lists, texts and numbers."""
    document = asdict(certificate)
    verdicts = (rule.verdict for rule in certificate.rules)
    rules = [
        {**rule, "verdict": verdict}
        for rule, verdict in zip(document["rules"], verdicts, strict=True)
    ]
    return {**document, "ok": certificate.ok, "rules": rules}


def as_text(certificate: Certificate) -> str:
    """As a person reads it: a table, then what was broken, then what was found beside."""
    return "\n".join(_lines(certificate))


def _lines(certificate: Certificate) -> Iterator[str]:
    word = "all rules kept" if certificate.ok else "NOT OK"
    yield (
        f"session {certificate.session_id}, {certificate.events} events, "
        f"{certificate.state or 'no state'}: {word}"
    )
    yield ""
    rows = [("rule", "verdict", "checked", "tightest moment")]
    rows += [(r.name, r.verdict, str(r.checked), _closest(r)) for r in certificate.rules]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for name, verdict, checked, closest in rows:
        columns = (name.ljust(widths[0]), verdict.ljust(widths[1]), checked.rjust(widths[2]))
        yield "  ".join((*columns, closest)).rstrip()
    yield from _cases("broken", [(r, r.violations) for r in certificate.rules])
    yield from _cases("found beside", [(r, r.found) for r in certificate.rules])


def _closest(rule: RuleResult) -> str:
    return f"{rule.tightest.text} (event {rule.tightest.seq})" if rule.tightest else ""


def _cases(title: str, results: list[tuple[RuleResult, tuple[Case, ...]]]) -> Iterator[str]:
    told = [(rule, cases) for rule, cases in results if cases]
    if told:
        yield ""
        yield f"{title}:"
    for rule, cases in told:
        yield f"  {rule.name}: {rule.means}"
        for case in cases[:TOLD]:
            numbers = ", ".join(str(seq) for seq in case.seqs)
            yield f"    event{'s' * (len(case.seqs) > 1)} {numbers}: {case.text}"
        if len(cases) > TOLD:
            yield f"    and {len(cases) - TOLD} more"
