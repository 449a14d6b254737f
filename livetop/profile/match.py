"""Which function and which line of one profile is which of another, though the code was edited between.

Functions are matched by module-relative path and name; several of one name (lambdas) by their text, then
in order; a function that moved to another file by name and text. Lines are matched by their text within
the matched functions, in order, so that they are followed when they move; without source text, by their
distance from the function's first line.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from livetop.profile.model import Profile
from livetop.profile.names import FunctionInfo

MAX_LINES = 3_000
"""Functions longer than this are matched by lines whose text is unique: differ's time is quadratic."""


class Text(NamedTuple):
    """A function's source: its lines without indentation; the first is number `start`."""

    start: int
    lines: tuple[str, ...]


class Side:
    """One of the two profiles, with its functions' texts."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._files: dict[int, list[str]] = {}
        self._texts: dict[int, Text | None] = {}
        self._last: dict[int, int] = {}
        for node in profile.tree.live.values():
            self._last[node.function] = max(node.line, self._last.get(node.function, 0))

    def function(self, number: int) -> FunctionInfo:
        return self.profile.names.function(number)

    def module(self, number: int) -> str:
        file = self.profile.names.file(self.function(number).file)
        return file.module or file.name

    def text(self, number: int) -> Text | None:
        """Returns a function's source, None when the profile has none."""
        if number not in self._texts:
            self._texts[number] = self._find_text(number)
        return self._texts[number]

    def _find_text(self, number: int) -> Text | None:
        function = self.function(number)
        source = self.profile.sources.get(function.file)
        if source is None or function.kind != "python":
            return None
        if function.file not in self._files:
            self._files[function.file] = source.split("\n")
        lines = self._files[function.file]
        if function.name == "<module>":
            return Text(1, tuple(line.strip() for line in lines))
        first = function.first_line - 1
        if not 0 <= first < len(lines):
            return None
        # Text at the margin within a function looks like its end; what was sampled beyond belongs to it.
        end = max(_end(lines, first), min(self._last.get(number, 0), len(lines)))
        while end > first + 1 and not lines[end - 1].strip():
            end -= 1
        return Text(first + 1, tuple(line.strip() for line in lines[first:end]))


def _end(lines: list[str], first: int) -> int:
    """Returns the index after the last line of a function, by its indentation."""
    depth = _indentation(lines[first])
    at = first
    while at < len(lines) and lines[first].lstrip().startswith("@") and not _is_head(lines[at]):
        at += 1
    for after in range(at + 1, len(lines)):
        line = lines[after].strip()
        # The end of a signature may stand as far left as its beginning.
        if line and _indentation(lines[after]) <= depth and line[0] not in ")]}#":
            return after
    return len(lines)


def _is_head(line: str) -> bool:
    return line.lstrip().startswith(("def ", "async def ", "class "))


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


def match_functions(before: Side, after: Side, old: Iterable[int], new: Iterable[int]) -> dict[int, int]:
    """Returns function of `before` -> function of `after`, for those that are the same."""
    result: dict[int, int] = {}
    by_name_old, by_name_new = _by_name(before, old), _by_name(after, new)
    for name, olds in by_name_old.items():
        result.update(_pair_up(before, after, olds, by_name_new.get(name, [])))
    taken = set(result.values())
    moved: defaultdict[tuple[str, Text], list[int]] = defaultdict(list)
    for numbers in by_name_new.values():
        for number in numbers:
            if number not in taken and (text := after.text(number)):
                moved[after.function(number).name, Text(0, text.lines)].append(number)
    for numbers in by_name_old.values():
        for number in numbers:
            if number not in result and (text := before.text(number)):
                found = moved.pop((before.function(number).name, Text(0, text.lines)), [])
                if len(found) == 1:
                    result[number] = found[0]
    return result


def _by_name(side: Side, numbers: Iterable[int]) -> dict[tuple[str, str, str], list[int]]:
    result: defaultdict[tuple[str, str, str], list[int]] = defaultdict(list)
    for number in numbers:
        function = side.function(number)
        result[function.kind, side.module(number), function.name].append(number)
    for found in result.values():
        found.sort(key=lambda number: (side.function(number).first_line, number))
    return result


def _pair_up(before: Side, after: Side, olds: list[int], news: list[int]) -> dict[int, int]:
    """Pairs functions of one name: those of the same text first, then what is left, in order."""
    if len(olds) == len(news) == 1:
        return {olds[0]: news[0]}
    result: dict[int, int] = {}
    left = list(news)
    for old in olds:
        text = before.text(old)
        same = [new for new in left if text and (other := after.text(new)) and other.lines == text.lines]
        if same:
            result[old] = same[0]
            left.remove(same[0])
    rest = [old for old in olds if old not in result]
    result.update(zip(rest, left, strict=False))
    return result


def match_lines(before: Side, after: Side, old: int, new: int, lines: Sequence[int]) -> dict[int, int]:
    """Returns line of a function before -> the same line after, for those of `lines` that still exist."""
    shift = after.function(new).first_line - before.function(old).first_line
    was, now = before.text(old), after.text(new)
    if was is None or now is None:
        return {line: line + shift for line in lines}
    mapped = _text_map(was, now)
    # Where a file's text is not that of the code (it was edited meanwhile), lines may lie beyond it.
    beyond = was.start + len(was.lines)
    result = {line: mapped[line] for line in lines if line in mapped}
    taken = set(result.values())
    for line in lines:
        if not was.start <= line < beyond and line + shift not in taken:
            result[line] = line + shift
    return result


def _text_map(old: Text, new: Text) -> dict[int, int]:
    result: dict[int, int] = {}
    if max(len(old.lines), len(new.lines)) <= MAX_LINES:
        differ = SequenceMatcher(None, old.lines, new.lines, autojunk=len(old.lines) > 500)
        for block in differ.get_matching_blocks():
            for at in range(block.size):
                result[old.start + block.a + at] = new.start + block.b + at
    # What the differ left over may have moved past other lines: found by text, if there is only one.
    taken = set(result.values())
    singles_old = _singles(old, result.keys())
    singles_new = _singles(new, taken)
    for text, line in singles_old.items():
        if text in singles_new:
            result[line] = singles_new[text]
    return result


def _singles(text: Text, without: Iterable[int]) -> dict[str, int]:
    """Returns text -> line of the lines whose text occurs once among those not yet matched."""
    found: dict[str, int] = {}
    twice: set[str] = set()
    skip = set(without)
    for line, content in enumerate(text.lines, text.start):
        if content and line not in skip:
            if content in found:
                twice.add(content)
            found[content] = line
    return {content: line for content, line in found.items() if content not in twice}
