"""What a short answer to one of our questions means, by the tables of data/outgoing.yml. Pure.

People are polite, correct themselves and say no twice: what counts is the last clear statement, and where it is not clear
we ask again. A case that is reopened for a courtesy costs a visit, one that is closed over a complaint costs the resident.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

#: Words that mean two things, or take nothing back: to be asked again.
UNCLEAR = "unclear"
#: Of rows whose words say nothing about the question, though there are others in them.
ASIDE = "aside"


@dataclass(frozen=True, slots=True)
class ShortAnswer:
    """One of these words means this. Of words that begin at the same place the longest counts.

    `stays`: not taken back by another statement after it, unless a turning word stands between ("but", "now").
    """

    means: str
    words: tuple[str, ...]
    stays: bool = False


@dataclass(frozen=True, slots=True)
class ShortAnswers:
    """`questions`: rows by question. `turning` words begin a statement that supersedes what was said before; right behind a
    word of `denying` an answer says nothing ("there is nothing I am dissatisfied with").
    """

    questions: Mapping[str, Sequence[ShortAnswer]] = field(default_factory=dict)
    turning: tuple[str, ...] = ()
    denying: tuple[str, ...] = ()

    def meaning(self, question: str, said: str) -> str:
        """What was said to this question; nothing if no word of the table is in it, UNCLEAR if several are."""
        rows = self.questions.get(question, ())
        meant = {word: row.means for row in rows for word in row.words}
        staying = {row.means for row in rows if row.stays}
        statements: list[set[str]] = [set()]
        turned, denied_to = False, -1
        for found in _pattern((*meant, *self.turning, *self.denying)).finditer(said):
            word = found.group()
            means = meant.get(word, "")
            if means and means != ASIDE and found.start() != denied_to:
                if turned:
                    statements, turned = [set()], False
                statements[-1].add(means)
            elif word in self.denying:
                denied_to = found.end()
            elif word in self.turning:
                turned = True
            elif not means:
                statements.append(set())
        clear = [statement for statement in statements if statement]
        if not clear:
            return ""
        counts = clear[-1].union(*(earlier & staying for earlier in clear))
        return counts.pop() if len(counts) == 1 else UNCLEAR


def _pattern(words: Sequence[str]) -> re.Pattern[str]:
    """The longest of the words, or a mark between two statements."""
    longest_first = sorted({*words}, key=len, reverse=True)
    return re.compile("|".join([*map(re.escape, longest_first), r"[^\w]"]))
