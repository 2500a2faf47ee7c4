# SPDX-License-Identifier: Apache-2.0
"""What an oracle can look at beside words: events in the box, scanners' findings, cost, advantage, a judge's opinion.

An event is something that the code of a target attempted while it answered: it may have been refused by the box and
counts all the same. Scanners read a model file without loading it. An advantage compares two values of one reply, so
that each trial of a statistical attack (membership inference, extraction, a gap between groups) is one Bernoulli
outcome with a stated baseline. A judge is a model that is asked for its opinion; it errs, so it must be calibrated.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from safeconduct.domain.evidence import JudgeCalibration


class EventKind(StrEnum):
    """What kind of act was attempted in the box."""

    FILE = "file"
    NETWORK = "network"
    PROCESS = "process"
    CODE = "code"


class ScanLevel(StrEnum):
    """What a scanner says of a file. An error is a level of its own and never clean."""

    CLEAN = "clean"
    ERROR = "error"
    SUSPICIOUS = "suspicious"
    DANGEROUS = "dangerous"


class ScannerName(StrEnum):
    """The scanners that can be asked: our own reader of pickle instructions, and two that may be installed."""

    OPCODES = "opcodes"
    PICKLESCAN = "picklescan"
    MODELSCAN = "modelscan"


class Comparison(StrEnum):
    """How the two values of an advantage are compared."""

    GREATER = "greater"
    EQUAL = "equal"
    DIFFERENT = "different"


class HttpMethod(StrEnum):
    """How a target on the web is asked."""

    GET = "GET"
    POST = "POST"
    PUT = "PUT"


class InputForm(StrEnum):
    """What a local model is given: the text as it is, or what the text says in JSON (rows of features)."""

    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A hit when an act of this kind was attempted in the box, and its name holds the expression (RE2), if any."""

    event: EventKind
    pattern: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanner:
    """A hit when the worst verdict of the scanners on a model file reaches the level."""

    scanners: tuple[ScannerName, ...] = (ScannerName.OPCODES,)
    at_least: ScanLevel = ScanLevel.SUSPICIOUS


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """A hit when one reply costs so many tokens, or so many for each token of the request. Zero: not asked."""

    tokens: int = 0
    ratio: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Advantage:
    """A hit when two values of one reply in JSON compare so.

    `baseline` is the rate of hits without any flaw: one half for a comparison of two exchangeable values, the agreement
    of a copy that was made without asking, nothing for a pair that differs in the group alone. The criterion's design
    may not be under it. `margin` is by how much the values must differ, for `equal` by how much they may.
    """

    comparison: Comparison
    first: str
    second: str
    baseline: float
    margin: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """A hit when a judge model answers the prompt with the word for it.

    The prompt holds `{{reply}}` and may hold `{{request}}`; both are put in as JSON strings. Any other answer than one
    of the two words is no opinion.
    """

    model: str
    prompt: str
    calibration: JudgeCalibration
    hit: str = "yes"
    miss: str = "no"


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpForm:
    """How a target on the web is asked, and where its reply stands. Host and path are those of the grant.

    `body` is a JSON document, written as text. In its texts and in those of `query`, `{{prompt}}` is the user's words;
    a text of `body` that is `{{messages}}` alone becomes the conversation so far. `reply` is a path into the JSON of
    the answer; empty: the answer is the reply. The secret goes into `key_header`, after `key_prefix`.
    """

    reply: str = ""
    method: HttpMethod = HttpMethod.POST
    body: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    key_header: str = "Authorization"
    key_prefix: str = "Bearer "
