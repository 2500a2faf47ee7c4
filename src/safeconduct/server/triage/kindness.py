# SPDX-License-Identifier: Apache-2.0
"""Kind words to begin with when a report is not taken: one text for each reason, to be changed by who sends it.

The reporter reads the text as it is sent, so it thanks, says what was found, and says what can be done. What stands in
brackets is for the sender to fill in. That there is an appeal is told by the mailbox and need not be said here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """A reason not to take a report: its name in an address, its title, and the words to begin with."""

    name: str
    title: str
    text: str


REASONS: Mapping[str, Reason] = {
    reason.name: reason
    for reason in (
        Reason(
            name="scope",
            title="Not ours to handle",
            text="Thank you for your report. We read it with care. It concerns something that we do not handle here."
            " [Who does, and how to reach them.] Your receipt stays valid and proves when you told us.",
        ),
        Reason(
            name="no-flaw",
            title="No flaw that we can see",
            text="Thank you for your report and the work in it. As far as we can tell, the system does what it was made"
            " to do: [what is expected, and where that is written]. If we have misread you, please tell us what you"
            " expected instead, and why it can harm somebody.",
        ),
        Reason(
            name="not-shown",
            title="Could not be reproduced",
            text="Thank you for your report. We tried what you describe and did not see it happen: [what was tried, how"
            " often, on which system]. That does not prove that there is nothing. If you can show it again, with the"
            " exact input and how often it worked out of how many tries, please send that, and we will look again.",
        ),
        Reason(
            name="limitation",
            title="A documented limitation",
            text="Thank you for your report. What you saw is real, and it is a limitation that the maker has"
            " documented: [where]. We have noted your report. If this behavior can cause serious harm to others, or"
            " the system is used where it was not meant to be, please tell us, because that would change our answer.",
        ),
        Reason(
            name="content",
            title="For the vendor's content channel",
            text="Thank you for your report. It concerns what the model says in one's own conversation, and it does not"
            " reach anybody else. The maker has a channel for that: [where]. If others can be reached by it, or if it"
            " works in general and not only for this one case, please tell us how.",
        ),
        Reason(
            name="too-little",
            title="Too little to go on",
            text="Thank you for your report. We could not find out from it what happens, and in which system. We would"
            " need: [what]. You may send that here at any time, and we will take up your report again.",
        ),
    )
}

_GAP = re.compile(r"\[[^\]]+\]")
_GAPS = frozenset(gap for reason in REASONS.values() for gap in _GAP.findall(reason.text))


def gaps_left(text: str) -> tuple[str, ...]:
    """Return the gaps of our own texts that nobody filled in; other brackets are the sender's."""
    return tuple(gap for gap in _GAP.findall(text) if gap in _GAPS)
