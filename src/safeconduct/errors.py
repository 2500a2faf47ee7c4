# SPDX-License-Identifier: Apache-2.0
"""The errors of Safeconduct: one root, few children, each with a stable code.

    SafeconductError
    ├── MalformedError            the input cannot be read as what it claims to be
    │   └── UnknownValueError     a value is not in the vocabulary
    ├── IncompleteError           required answers are missing
    ├── TooLargeError             the input passes a stated limit
    ├── NotFoundError             there is no such thing, or the asker may not know of it
    ├── NotPermittedError         the asker may not do this
    ├── ConflictError             the act does not fit the present state
    │   └── TransitionError       a guarded table has no such edge
    ├── VerificationError         a signature, proof, receipt or certificate does not hold
    ├── SealError                 sealed bytes cannot be opened with the keys at hand
    ├── TargetError               a target under test hung, failed or answered garbage
    ├── SandboxError              the sandbox is missing or did not pass its self-check
    ├── ConfigurationError        a setting is unknown, missing or contradictory
    ├── UnavailableError          the service cannot do this now: disk, lock, dependency
    └── MissingExtraError         an optional part of the installation is not there

A message says what is wrong and a hint what to do next. Neither holds a secret, a reporter's identity or
embargoed text; only facts that the asker supplied or may see belong into `facts`.
"""

from typing import ClassVar


class SafeconductError(Exception):
    """The root: a stable `code`, a message, a hint, and the facts as named values."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, hint: str = "", **facts: object) -> None:
        """Keep the message, the hint and the facts apart so that each door can render them."""
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.facts = facts

    def as_dict(self) -> dict[str, object]:
        """Return the error as plain data: `code`, `message`, `hint` and `facts`."""
        return {"code": self.code, "message": self.message, "hint": self.hint, "facts": dict(self.facts)}


class MalformedError(SafeconductError):
    """The input cannot be read as what it claims to be."""

    code = "malformed"


class UnknownValueError(MalformedError):
    """A value is not in the vocabulary."""

    code = "unknown_value"


class IncompleteError(SafeconductError):
    """Required answers are missing; `facts["missing"]` names them."""

    code = "incomplete"


class TooLargeError(SafeconductError):
    """The input passes a stated limit."""

    code = "too_large"


class NotFoundError(SafeconductError):
    """There is no such thing, or the asker may not know of it: both look the same."""

    code = "not_found"


class NotPermittedError(SafeconductError):
    """The asker may see this but may not do it."""

    code = "not_permitted"


class ConflictError(SafeconductError):
    """The act does not fit the present state."""

    code = "conflict"


class TransitionError(ConflictError):
    """A guarded state table has no such edge."""

    code = "illegal_transition"


class VerificationError(SafeconductError):
    """A signature, proof, receipt or certificate does not hold."""

    code = "verification_failed"


class SealError(SafeconductError):
    """Sealed bytes cannot be opened with the keys at hand."""

    code = "sealed"


class TargetError(SafeconductError):
    """A target under test hung, failed or answered garbage."""

    code = "target"


class SandboxError(SafeconductError):
    """The sandbox is missing or did not pass its self-check."""

    code = "sandbox"


class ConfigurationError(SafeconductError):
    """A setting is unknown, missing or contradictory."""

    code = "configuration"


class UnavailableError(SafeconductError):
    """The service cannot do this now: full disk, held lock, missing dependency."""

    code = "unavailable"


class MissingExtraError(SafeconductError):
    """An optional part of the installation is not there."""

    code = "missing_extra"
