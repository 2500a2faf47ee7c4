# SPDX-License-Identifier: Apache-2.0
"""What a target answered, and what was seen, spent and thought beside it. The words are judged and never stored."""

from dataclasses import dataclass

from safeconduct.domain.evidence import TrialOutcome
from safeconduct.domain.script import ToolCall
from safeconduct.verification.sightings import NOT_STATED, NOTHING_SEEN, Sighting, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One reply: text, for a classifier the label, for an agent the tools that it called.

    `sighting` is what was seen in the box, `usage` the tokens that the target states, and `opinion` what a judge model
    thinks of the reply, where one was asked.
    """

    text: str
    label: str = ""
    calls: tuple[ToolCall, ...] = ()
    sighting: Sighting = NOTHING_SEEN
    usage: Usage = NOT_STATED
    opinion: TrialOutcome | None = None
