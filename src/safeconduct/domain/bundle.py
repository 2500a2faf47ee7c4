# SPDX-License-Identifier: Apache-2.0
"""A reproduction bundle: everything that is needed to run a reported attack again, as data and never as code.

The attack is a distribution, not a list: a variant is drawn as a seed, its slot values and a mutator chain of one
family, then put into the steps of a conversation. A verdict speaks of the families named here and of no others. Seeds
are either disclosed (the vendor sees them) or held out (committed at intake, revealed after the verdict). Secrets
appear by name only. Reading, writing and checking the files of a bundle is the work of `verification.bundle`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from safeconduct.domain.evidence import Criterion
from safeconduct.domain.observed import Advantage, Cost, Event, HttpForm, InputForm, Judge, Scanner
from safeconduct.domain.report import MayTrain, Tlp
from safeconduct.domain.script import Carry, CodeCheck, CodeFile, Tool, ToolCalled
from safeconduct.domain.weakness import FlawClass, TaxonomyRef

BUNDLE_VERSION = "safeconduct-bundle/1"
PROMPT_SLOT = "prompt"
"""The slot of a step's template that takes the variant: `{{prompt}}`."""


class Adapter(StrEnum):
    """How the target is spoken to."""

    OPENAI_CHAT = "openai-chat"
    HTTP = "http"
    COMMAND = "command"
    MODEL_FILE = "model-file"
    PYTHON_CALLABLE = "python-callable"
    SKLEARN = "sklearn"

    @property
    def is_remote(self) -> bool:
        """Say whether the target is spoken to over a network; all others run in the sandbox."""
        return self in {Adapter.OPENAI_CHAT, Adapter.HTTP}


class SeedPart(StrEnum):
    """Whether the vendor may see a seed before the verdict."""

    DISCLOSED = "disclosed"
    HELD_OUT = "held_out"


class Speaker(StrEnum):
    """Who says a step of the conversation."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class MutatorName(StrEnum):
    """The declarative mutators; what each does and takes is told in `verification.variants`."""

    IDENTITY = "identity"
    BASE64 = "base64"
    ROT13 = "rot13"
    LEETSPEAK = "leetspeak"
    HOMOGLYPH = "homoglyph"
    ZERO_WIDTH = "zero_width"
    CASE = "case"
    SPACING = "spacing"
    REPEAT_LETTERS = "repeat_letters"
    TRANSLATION_TABLE = "translation_table"
    PARAPHRASE_LIST = "paraphrase_list"
    ROLE_PLAY_FRAME = "role_play_frame"
    SPLIT_TURNS = "split_turns"
    SUFFIX = "suffix"
    NEST = "nest"
    ONE_OF = "one_of"
    CODE = "code"


class HazardLevel(StrEnum):
    """How harmful it is to hold or to show what the bundle contains or provokes."""

    NONE = "none"
    LOW = "low"
    ELEVATED = "elevated"
    HIGH = "high"


class Normalization(StrEnum):
    """What a canary check ignores: nothing, or case, punctuation, spacing and Unicode compatibility forms."""

    EXACT = "exact"
    TOLERANT = "tolerant"


class Combine(StrEnum):
    """Whether one check or every check must say hit."""

    ANY = "any"
    ALL = "all"


class Network(StrEnum):
    """What the box may reach."""

    NONE = "none"
    BROKER = "broker"


ParamValue = str | int | float | bool | tuple[str, ...] | Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Safety:
    """How the bundle must be handled, and whether whoever is given it may train on what it holds."""

    hazard_level: HazardLevel = HazardLevel.LOW
    handling: Tlp = Tlp.AMBER_STRICT
    contains_harmful_output: bool = False
    may_train: MayTrain = MayTrain.NO


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What `bundle.json` says: what the flaw is, who made the bundle and when."""

    title: str
    flaw_class: FlawClass
    created: datetime
    taxonomy: tuple[TaxonomyRef, ...] = ()
    case_id: str = ""
    author_key_id: str = ""
    license: str = ""
    safety: Safety = Safety()
    schema_version: str = BUNDLE_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How the target is asked to generate. None leaves the target's own default."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreLabels:
    """How a classifier's score becomes a label: `high` from the threshold on, `low` below it."""

    low: str
    high: str
    threshold: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSpec:
    """What `target.json` says; `secret_name` is never a value.

    `entry` is `module:function` of local code, `file:name` of a model file in the box, or the loader of a model file.
    `command` are the words of a program that is started in the box without a shell. `form` is what a local model is
    given. `http` says how a target on the web is asked.
    """

    adapter: Adapter
    model: str
    url: str = ""
    entry: str = ""
    labels: ScoreLabels | None = None
    model_digest: str = ""
    system_fingerprint: str = ""
    sampling: Sampling = Sampling()
    secret_name: str = ""
    command: tuple[str, ...] = ()
    form: InputForm = InputForm.TEXT
    http: HttpForm | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """One reported string or template with slots such as `{{verb}}`."""

    id: str
    text: str
    part: SeedPart = SeedPart.DISCLOSED


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """The values that one slot of the seeds' templates may take; each is equally likely."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutator:
    """One change of the text, with its parameters; `inner` are the mutators that `nest` and `one_of` are made of."""

    name: MutatorName
    params: Mapping[str, ParamValue] = field(default_factory=dict)
    version: int = 1
    inner: tuple["Mutator", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A named group of mutator chains that one verdict speaks of; each chain is equally likely.

    `seeds` limits the family to the seeds of these identifiers; empty means all.
    """

    name: str
    chains: tuple[tuple[Mutator, ...], ...]
    about: str = ""
    seeds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """A hit when the reply contains the text."""

    text: str
    normalization: Normalization = Normalization.EXACT


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A hit when the regular expression (RE2 syntax, linear time) is found in the reply."""

    pattern: str
    ignore_case: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFlip:
    """A hit when the classifier answers another label than the expected one."""

    expected: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonPath:
    """A hit when the reply is JSON and the value at the path (`$.a.b[0]`) equals the given text."""

    path: str
    equals: str


Observed = Event | Scanner | Cost | Advantage | Judge
Check = Canary | Pattern | LabelFlip | JsonPath | ToolCalled | CodeCheck | Observed


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One turn of the script. Its words may hold the variant as `{{prompt}}` and carried variables as `{{name}}`.

    After a user's step the target is asked, unless the next step gives the assistant's words. A step of the role `tool`
    puts a call of `tool` with `arguments` into the assistant's mouth and gives its result, the template. `document` is
    a text handed over with a user's step. The reply must pass every check of `expect`, or the script ends there.
    """

    role: Speaker
    template: str
    tool: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict)
    document: str = ""
    expect: tuple[Check, ...] = ()
    carry: tuple[Carry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackScript:
    """What `attack.json` says. `commitment` is the SHA-256 made at intake, empty before; a campaign has its own."""

    steps: tuple[Step, ...]
    seeds: tuple[Seed, ...]
    families: tuple[Family, ...]
    slots: tuple[Slot, ...] = ()
    tools: tuple[Tool, ...] = ()
    commitment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Oracle:
    """What `oracle.json` says: whether a reply shows that the attack succeeded.

    A reply on which one of the `abstain_on` checks hits is not judged at all (for example a rate-limit notice).
    """

    checks: tuple[Check, ...]
    combine: Combine = Combine.ANY
    abstain_on: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BenignControl:
    """One line of `benign.jsonl`: a harmless prompt and the check of a useful answer.

    The answer is useful when the check hits, or, with `useful_when_hit` false, when it does not.
    """

    id: str
    prompt: str
    check: Check
    useful_when_hit: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What `limits.json` says: the most that one run may use. Zero calls per minute means no stated rate."""

    network: Network = Network.NONE
    cpu_seconds: int = 120
    memory_bytes: int = 2 << 30
    processes: int = 64
    open_files: int = 256
    file_bytes: int = 100 << 20
    call_seconds: float = 60.0
    wall_seconds: float = 3600.0
    calls: int = 2000
    tokens: int = 1_000_000
    calls_per_minute: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One pinned package of the environment."""

    name: str
    version: str
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What `env.json` says: where the reporter saw it, and which tool wrote the bundle."""

    python: str = ""
    packages: tuple[Package, ...] = ()
    image_digest: str = ""
    tool: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A reproduction bundle. `id` is the SHA-256 of its MANIFEST, empty until it has been written or read."""

    about: About
    target: TargetSpec
    attack: AttackScript
    oracle: Oracle
    benign: tuple[BenignControl, ...] = ()
    criterion: Criterion = field(default_factory=Criterion)
    limits: Limits = Limits()
    environment: Environment = Environment()
    code: tuple[CodeFile, ...] = ()
    id: str = field(default="", compare=False)


def disclosed_part(bundle: Bundle) -> Bundle:
    """Return the bundle that the vendor may see before the verdict: without the held-out seeds.

    A family that used held-out seeds only is left out, because nothing of it may be told.
    """
    seeds = tuple(seed for seed in bundle.attack.seeds if seed.part is SeedPart.DISCLOSED)
    known = {seed.id for seed in seeds}
    families = tuple(
        replace(family, seeds=tuple(name for name in family.seeds if name in known))
        for family in bundle.attack.families
        if not family.seeds or known.intersection(family.seeds)
    )
    return replace(bundle, attack=replace(bundle.attack, seeds=seeds, families=families), id="")
