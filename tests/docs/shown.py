"""What a page shows, as against what is: other ports, other ids, other times, and `...` for what was left out."""

from __future__ import annotations

import re

_ID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_TIME = r"\d{4}-\d\d-\d\d|\d\d:\d\d:\d\d|\d+\.\d s"
#: A time of day without seconds, which may be tomorrow's.
_HOUR = r"(?<![\d:])\d\d:\d\d(?![\d:])"
_PARTS = re.compile(rf"(\.\.\.|{_ID}|{_TIME}|{_HOUR})")


class Shown:
    """Knows what is there in truth for what a page shows. An id is learned from the first output that shows it."""

    def __init__(self, known: dict[str, str]) -> None:
        self._known = known

    def real(self, text: str) -> str:
        """The text with the real ports and ids in place of those shown."""
        shown = "|".join(sorted(self._known, key=len, reverse=True))
        return re.sub(shown, lambda found: self._known[found[0]], text)

    def pattern(self, output: str) -> re.Pattern[str]:
        """Fits what a program may say where a page shows this."""
        new: set[str] = set()
        lines = map(squeezed, self.real(output).splitlines())
        return re.compile("".join(self._line(line, new) for line in lines))

    def learn(self, found: re.Match[str]) -> None:
        """Takes in the ids that are new in a match, also by their first part, as short forms name them."""
        for name, real in found.groupdict().items():
            shown = name[1:].replace("_", "-")
            self._known |= {shown: real, shown[:8]: real[:8]}

    def _line(self, line: str, new: set[str]) -> str:
        if line == "...\n":
            return "(?:.*\n)*?"
        return "".join(self._part(part, new) for part in _PARTS.split(line))

    def _part(self, part: str, new: set[str]) -> str:
        if part == "...":
            return ".*?"
        if re.fullmatch(_HOUR, part):
            return r"(?:[A-Z][a-z]{2} )?\d\d:\d\d"
        if re.fullmatch(_TIME, part):
            return re.sub(r"\d+", r"\\d+", re.escape(part))
        if not re.fullmatch(_ID, part) or part in self._known.values():
            return re.escape(part)
        name = f"i{part.replace('-', '_')}"
        pattern = f"(?P={name})" if name in new else f"(?P<{name}>{_ID})"
        new.add(name)
        return pattern


def squeezed(line: str) -> str:
    """Columns are as wide as what is in them: only that there is a gap counts."""
    return " ".join(line.split()) + "\n"
