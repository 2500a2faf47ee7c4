# SPDX-License-Identifier: Apache-2.0
"""References into taxonomies, and the classes of machine-learning flaws.

Identifiers were renumbered more than once between editions, so a reference is always the triple of framework, edition
and identifier; a bare identifier is refused.
"""

from dataclasses import dataclass
from enum import StrEnum

from safeconduct.errors import MalformedError


class Framework(StrEnum):
    """The taxonomies that a reference may name."""

    ATLAS = "atlas"
    AVID = "avid"
    CWE = "cwe"
    CAPEC = "capec"
    NIST_AML = "nist-ai-100-2"
    OWASP_LLM = "owasp-llm"
    OWASP_AGENTIC = "owasp-agentic"
    GARAK = "garak"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class TaxonomyRef:
    """One entry of one edition of a taxonomy, e.g. `owasp-llm/2025/LLM01`."""

    framework: Framework
    edition: str
    id: str

    def __post_init__(self) -> None:
        """Refuse a reference without edition or identifier."""
        if not self.edition or not self.id or "/" in self.edition:
            raise MalformedError(
                "a taxonomy reference needs framework, edition and identifier",
                hint="write it as framework/edition/id, for example owasp-llm/2025/LLM01",
            )

    def __str__(self) -> str:
        return f"{self.framework.value}/{self.edition}/{self.id}"

    @classmethod
    def parse(cls, text: str) -> "TaxonomyRef":
        """Return the reference written as `framework/edition/id`.

        Raises:
            MalformedError: a part is missing or the framework is unknown.
        """
        framework, _, rest = text.strip().partition("/")
        edition, _, identifier = rest.partition("/")
        if framework not in {item.value for item in Framework}:
            raise MalformedError(
                "the taxonomy framework is unknown", hint=f"one of {', '.join(item.value for item in Framework)}"
            )
        return cls(framework=Framework(framework), edition=edition, id=identifier)


class FlawClass(StrEnum):
    """The kind of flaw that a reproduction bundle demonstrates and a register entry names."""

    PROMPT_INJECTION = "prompt-injection"
    JAILBREAK = "jailbreak"
    DATA_LEAK = "data-leak"
    SYSTEM_PROMPT_LEAK = "system-prompt-leak"
    EVASION = "evasion"
    POISONING = "poisoning"
    BACKDOOR = "backdoor"
    EXTRACTION = "extraction"
    MEMBERSHIP_INFERENCE = "membership-inference"
    MODEL_FILE = "model-file-rce"
    TOOL_ABUSE = "tool-abuse"
    CROSS_AGENT = "cross-agent-escalation"
    DENIAL_OF_WALLET = "denial-of-wallet"
    FAIRNESS = "fairness"
    ADVERSARIAL_TRAINING = "adversarial-training-exploit"
    SOFTWARE = "software"
    OTHER = "other"
