# SPDX-License-Identifier: Apache-2.0
"""The states of a case, in the words and letters of the CERT multi-party protocol (Vultron, formal protocol).

    RM   report management    one per participant   S R I V D A C
    EM   embargo management   one per case          N P A R X
    CS   case state           V F D per vendor, P X A for the whole case; upper case has happened
    PEC  embargo consent      one per participant and set of terms

The letters are what tables, databases and the interface of programs hold; words for people are in
`policy.lifecycle`. Which steps are legal is said there too: a value of this module may be a state that the protocol
never reaches, but it never contradicts itself (a fix cannot be deployed that was not ready).

Whether a fix holds is not part of the case state. It may be lost again, and these facts cannot: see
`domain.evidence.Verdict`.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from safeconduct.errors import ConflictError, MalformedError


class ReportState(StrEnum):
    """What a participant has made of the report (RM)."""

    START = "S"
    RECEIVED = "R"
    INVALID = "I"
    VALID = "V"
    DEFERRED = "D"
    ACCEPTED = "A"
    CLOSED = "C"


class EmbargoState(StrEnum):
    """Where the one embargo of the case stands (EM)."""

    NONE = "N"
    PROPOSED = "P"
    ACTIVE = "A"
    REVISE = "R"
    EXITED = "X"


class Consent(StrEnum):
    """A participant's consent to one set of embargo terms (PEC). `NO_EMBARGO` is "none in scope", not "undecided"."""

    NO_EMBARGO = "no_embargo"
    INVITED = "invited"
    SIGNATORY = "signatory"
    LAPSED = "lapsed"
    DECLINED = "declined"


class ReportEvent(StrEnum):
    """A step of a participant's report management."""

    RECEIVE = "r"
    INVALIDATE = "i"
    VALIDATE = "v"
    DEFER = "d"
    ACCEPT = "a"
    CLOSE = "c"


class EmbargoEvent(StrEnum):
    """A step of the embargo."""

    PROPOSE = "p"
    ACCEPT = "a"
    REJECT = "r"
    TERMINATE = "t"


class ConsentEvent(StrEnum):
    """A step of a participant's consent."""

    INVITE = "invite"
    ACCEPT = "accept"
    DECLINE = "decline"
    REVISE = "revise"
    RESET = "reset"


class CaseFact(StrEnum):
    """Something that happened and cannot be undone (CS): V, F and D to one vendor, P, X and A to the world."""

    VENDOR_AWARE = "V"
    FIX_READY = "F"
    FIX_DEPLOYED = "D"
    PUBLIC_AWARE = "P"
    EXPLOIT_PUBLIC = "X"
    ATTACKS_OBSERVED = "A"


class VendorFix(StrEnum):
    """How far one vendor is: the first half of its case state."""

    UNAWARE = "vfd"
    AWARE = "Vfd"
    READY = "VFd"
    DEPLOYED = "VFD"


VENDOR_FACTS: Final = (CaseFact.VENDOR_AWARE, CaseFact.FIX_READY, CaseFact.FIX_DEPLOYED)
PUBLIC_FACTS: Final = (CaseFact.PUBLIC_AWARE, CaseFact.EXPLOIT_PUBLIC, CaseFact.ATTACKS_OBSERVED)


@dataclass(frozen=True, slots=True)
class CaseState:
    """The facts of the case as one vendor lives them; `code` is the six letters in the order VFDPXA."""

    facts: frozenset[CaseFact] = frozenset()

    def __post_init__(self) -> None:
        """Refuse a state that contradicts itself.

        Raises:
            ConflictError: a fix is ready at a vendor who does not know, or deployed without being ready.
        """
        have = [fact in self.facts for fact in VENDOR_FACTS]
        if have != sorted(have, reverse=True):
            raise ConflictError(
                f"the case state {self.code} contradicts itself",
                hint="a vendor knows (V) before a fix is ready (F), and it is ready before it is deployed (D)",
                state=self.code,
            )

    @classmethod
    def parse(cls, code: str) -> "CaseState":
        """Return the state of a code such as `VfdpxA`.

        Raises:
            MalformedError: the code is not the six letters in this order.
            ConflictError: the state contradicts itself.
        """
        if code.upper() != "VFDPXA":
            raise MalformedError(
                "a case state is six letters such as VFdpxa", hint="upper case has happened, lower case has not"
            )
        return cls(frozenset(CaseFact(letter) for letter in code if letter.isupper()))

    @classmethod
    def of(cls, fix: VendorFix, public: frozenset[CaseFact] = frozenset()) -> "CaseState":
        """Return the state of a vendor's half and the facts known to the world.

        Raises:
            MalformedError: `public` holds a fact of a vendor.
        """
        if not public <= frozenset(PUBLIC_FACTS):
            raise MalformedError("V, F and D belong to a vendor", hint="give them as the vendor's half")
        return cls(frozenset(CaseFact(letter) for letter in fix.value if letter.isupper()) | public)

    @property
    def code(self) -> str:
        """Return the six letters, upper case for what has happened."""
        return "".join(fact.value if fact in self.facts else fact.value.lower() for fact in CaseFact)

    @property
    def fix(self) -> VendorFix:
        """Return the vendor's half."""
        return VendorFix(self.code[:3])

    @property
    def public(self) -> frozenset[CaseFact]:
        """Return what is known to the world."""
        return self.facts & frozenset(PUBLIC_FACTS)

    def having(self, *facts: CaseFact) -> "CaseState":
        """Return the state with these facts recorded as well."""
        return CaseState(self.facts | frozenset(facts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where one participant stands: report, embargo of the case, case state (Vultron: the participant's state).

    A participant who is no vendor and no deployer has no V, F and D of its own.
    """

    report: ReportState = ReportState.START
    embargo: EmbargoState = EmbargoState.NONE
    case: CaseState = CaseState()
    is_vendor: bool = True

    def __post_init__(self) -> None:
        """Refuse a vendor's facts for a participant who is none.

        Raises:
            ConflictError: V, F or D for a participant who is no vendor.
        """
        if not self.is_vendor and self.case.fix is not VendorFix.UNAWARE:
            raise ConflictError("only a vendor or a deployer has a fix", hint="leave V, F and D out")


class ProtocolMessage(StrEnum):
    """The 28 messages of the protocol: about reports (R), embargoes (E), case states (C) and anything (G)."""

    REPORT_SUBMISSION = "RS"
    REPORT_INVALID = "RI"
    REPORT_VALID = "RV"
    REPORT_DEFERRED = "RD"
    REPORT_ACCEPTED = "RA"
    REPORT_CLOSED = "RC"
    REPORT_ACKNOWLEDGED = "RK"
    REPORT_ERROR = "RE"
    EMBARGO_PROPOSAL = "EP"
    EMBARGO_ACCEPTED = "EA"
    EMBARGO_REJECTED = "ER"
    EMBARGO_REVISION = "EV"
    EMBARGO_REVISION_ACCEPTED = "EC"
    EMBARGO_REVISION_REJECTED = "EJ"
    EMBARGO_TERMINATION = "ET"
    EMBARGO_ACKNOWLEDGED = "EK"
    EMBARGO_ERROR = "EE"
    CASE_VENDOR_AWARE = "CV"
    CASE_FIX_READY = "CF"
    CASE_FIX_DEPLOYED = "CD"
    CASE_PUBLIC_AWARE = "CP"
    CASE_EXPLOIT_PUBLIC = "CX"
    CASE_ATTACKS_OBSERVED = "CA"
    CASE_ACKNOWLEDGED = "CK"
    CASE_ERROR = "CE"
    INQUIRY = "GI"
    ACKNOWLEDGED = "GK"
    ERROR = "GE"
