# SPDX-License-Identifier: Apache-2.0
"""The four pages of the report form: plain questions, few of which must be answered.

Each page asks what must be asked and folds the rest into optional groups. The words are chosen to be read at nine years
of school; a test computes it. What a page says is checked by that page, and again when the whole is sent.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms

from safeconduct.domain.report import (
    TITLE_LIMIT,
    Answer,
    DisclosureIntent,
    DiscoveryMethod,
    PublicStatus,
    Relationship,
    RestrictedMaterial,
)
from safeconduct.domain.severity import Exploitation
from safeconduct.domain.systems import ComponentType
from safeconduct.domain.weakness import FlawClass
from safeconduct.server.intake.forms import LINE, Day, Page, Words, one_of, picked
from safeconduct.server.intake.uploads import FILES_FIELD

TEXT = 50_000
MOST_TRIES = 10_000_000
DATE_LINE = timedelta(hours=14)
YES_NO = [(Answer.YES, "Yes"), (Answer.NO, "No"), (Answer.UNKNOWN, "I do not know")]


class HappenedPage(Page):
    """What happened."""

    title = "What happened"
    folded = {"Say more about it": ("flaw_class", "expected_behavior", "actual_behavior", "harm")}

    name = forms.CharField(
        max_length=TITLE_LIMIT, label="Give it a short name", help_text="One line, such as: The bot tells its password."
    )
    description = Words(max_length=TEXT, label="What happens?", help_text="Tell it in your own words.")
    real_world_harm = one_of(YES_NO, kind=Answer, label="Has it hurt someone yet?")
    malicious_use_possible = one_of(YES_NO, kind=Answer, label="Could someone use it to do harm on purpose?")
    restricted_material = one_of(
        [
            (RestrictedMaterial.NONE, "No"),
            (RestrictedMaterial.CSAM, "Sexual abuse of children"),
            (RestrictedMaterial.CBRN_DETAIL, "How to make a chemical, germ or nuclear weapon"),
            (RestrictedMaterial.LIVE_PERSONAL_DATA, "Private data of real people"),
            (RestrictedMaterial.CLASSIFIED, "State secrets"),
        ],
        kind=RestrictedMaterial,
        label="Does it show things that we may not keep?",
        help_text="If so, do not paste them here. Just say what kind of thing it is.",
    )
    flaw_class = picked(
        [
            (FlawClass.PROMPT_INJECTION, "Hidden orders in a text make it act (prompt injection)"),
            (FlawClass.JAILBREAK, "It can be talked out of its rules (jailbreak)"),
            (FlawClass.DATA_LEAK, "It leaks data"),
            (FlawClass.SYSTEM_PROMPT_LEAK, "It leaks its own orders"),
            (FlawClass.EVASION, "A small change makes it blind (evasion)"),
            (FlawClass.POISONING, "Its training data were tampered with (poisoning)"),
            (FlawClass.BACKDOOR, "It has a hidden trigger (backdoor)"),
            (FlawClass.EXTRACTION, "The model can be copied (extraction)"),
            (FlawClass.MEMBERSHIP_INFERENCE, "It shows who was in its training data"),
            (FlawClass.MODEL_FILE, "Its model file runs code"),
            (FlawClass.TOOL_ABUSE, "It can be made to misuse its tools"),
            (FlawClass.CROSS_AGENT, "One agent can take over another"),
            (FlawClass.DENIAL_OF_WALLET, "It can be made to run up costs"),
            (FlawClass.FAIRNESS, "It treats groups of people worse"),
            (FlawClass.ADVERSARIAL_TRAINING, "Its training can be steered"),
            (FlawClass.SOFTWARE, "A plain software bug"),
            (FlawClass.OTHER, "Something else"),
        ],
        kind=FlawClass,
        label="What kind of flaw is it?",
    )
    expected_behavior = Words(max_length=TEXT, required=False, label="What should it have done?")
    actual_behavior = Words(max_length=TEXT, required=False, label="What did it do instead?")
    harm = Words(
        max_length=TEXT,
        required=False,
        label="Who was hurt, and how?",
        help_text="Roles and numbers are enough. Leave out names.",
    )


class SystemPage(Page):
    """Which system, and how to see it."""

    title = "Which system, and how to see it"
    folded = {
        "Say more about the system": ("component_type", "version", "model_string", "purl", "first_seen_on"),
        "Say more about your tests": ("seen_time", "discovery_method", "stochastic", "tries", "hits", "judge"),
        "Do you know a fix?": ("mitigation",),
    }

    vendor = forms.CharField(
        max_length=LINE,
        required=False,
        label="Who makes or runs the system?",
        help_text="Leave it empty if you do not know.",
    )
    product = forms.CharField(max_length=LINE, required=False, label="What is the system called?")
    hosted = forms.BooleanField(required=False, label="I use it over the internet: a website, an app or an API")
    steps = Words(
        max_length=TEXT,
        required=False,
        label="How can we see it happen?",
        help_text="Step by step. Say what you type and what comes back.",
    )
    seen_on = Day(label="When did you last see it?", help_text="The day is enough.")
    component_type = picked(
        [
            (ComponentType.MODEL, "A model"),
            (ComponentType.DATASET, "A data set"),
            (ComponentType.WEIGHTS_FILE, "A file of weights"),
            (ComponentType.FRAMEWORK, "A code library"),
            (ComponentType.SERVING_INFRA, "The servers that run a model"),
            (ComponentType.APPLICATION, "An app built on a model"),
            (ComponentType.AGENT, "An agent"),
            (ComponentType.TOOL_OR_MCP, "A tool that a model calls"),
            (ComponentType.GUARDRAIL, "A filter that guards a model"),
            (ComponentType.PIPELINE, "A training pipeline"),
            (ComponentType.HARDWARE, "Hardware"),
            (ComponentType.PROTOCOL, "A protocol"),
        ],
        kind=ComponentType,
        label="What is it?",
    )
    version = forms.CharField(max_length=LINE, required=False, label="Which version?")
    model_string = forms.CharField(
        max_length=LINE, required=False, label="How does its API name the model?", help_text="Such as: maker-chat-2"
    )
    purl = forms.CharField(
        max_length=LINE,
        required=False,
        label="Where can its files be found?",
        help_text="A package URL, such as: pkg:huggingface/maker/name",
    )
    first_seen_on = Day(required=False, label="When did you first see it?")
    seen_time = forms.TimeField(
        required=False,
        label="At what time did you last see it? (UTC)",
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )
    discovery_method = picked(
        [
            (DiscoveryMethod.OBSERVATION, "I came across it"),
            (DiscoveryMethod.TESTING, "I tested for it by hand"),
            (DiscoveryMethod.AUTOMATED, "A test tool found it"),
            (DiscoveryMethod.AI_ASSISTED, "An AI helped me find it"),
            (DiscoveryMethod.MONITORING, "We watch the system"),
            (DiscoveryMethod.EXTERNAL, "Someone told me"),
        ],
        kind=DiscoveryMethod,
        label="How did you find it?",
    )
    stochastic = picked(
        [(Answer.YES, "Only some of the time"), (Answer.NO, "Each time"), (Answer.UNKNOWN, "I do not know")],
        kind=Answer,
        label="Does it happen each time?",
    )
    tries = forms.IntegerField(min_value=1, max_value=MOST_TRIES, required=False, label="How many times did you try?")
    hits = forms.IntegerField(min_value=0, max_value=MOST_TRIES, required=False, label="How many times did it happen?")
    judge = forms.CharField(max_length=LINE, required=False, label="How did you tell that it happened?")
    mitigation = Words(max_length=TEXT, required=False, label="What would help until it is fixed?")

    def __init__(self, *args: Any, restricted: RestrictedMaterial, now: datetime, **kwargs: Any) -> None:
        """Ask for steps unless the first page spoke of material that may not be kept; keep the instant."""
        super().__init__(*args, **kwargs)
        self.fields["steps"].required = restricted is RestrictedMaterial.NONE
        # The day has begun everywhere once it has begun at the date line.
        self._last_day = (now + DATE_LINE).astimezone(UTC).date()

    def clean(self) -> dict[str, Any]:
        """Check what hangs together."""
        given: dict[str, Any] = super().clean() or {}
        for name in ("seen_on", "first_seen_on"):
            if (day := given.get(name)) and day > self._last_day:
                self.add_error(name, "That day has not come yet.")
        first, last = given.get("first_seen_on"), given.get("seen_on")
        if first and last and first > last:
            self.add_error("first_seen_on", "The first day comes after the last one.")
        tries, hits = given.get("tries"), given.get("hits")
        if tries is not None and hits is None and "hits" not in self.errors:
            self.add_error("hits", "Say how many times it happened.")
        if tries is not None and hits is not None and hits > tries:
            self.add_error("hits", "It cannot happen more often than you tried.")
        return given


class NextPage(Page):
    """Who knows, and what next."""

    title = "Who knows, and what next"
    folded = {
        "Say more about who knows": ("exploitation", "told_whom", "told_on", "public_references"),
        "Say who you are (you need not)": (
            "relationship",
            "reporter_name",
            "contact",
            "credit_name",
            "credit_release",
            "share_contact",
        ),
    }

    public_status = one_of(
        [
            (PublicStatus.PRIVATE, "No, as far as I know"),
            (PublicStatus.PARTIALLY, "In part"),
            (PublicStatus.PUBLIC, "Yes"),
            (PublicStatus.UNKNOWN, "I do not know"),
        ],
        kind=PublicStatus,
        label="Is it public yet?",
    )
    intent = one_of(
        [
            (DisclosureIntent.COORDINATED, "Make it public with the vendor, when it is safe"),
            (DisclosureIntent.AFTER_FIX, "Make it public once it is fixed"),
            (DisclosureIntent.FIXED_DATE, "Make it public on a day that I name"),
            (DisclosureIntent.NO_PUBLICATION, "Leave it to you"),
            (DisclosureIntent.ALREADY_PUBLIC, "Nothing: it is public now"),
            (DisclosureIntent.UNDECIDED, "I have not made up my mind"),
        ],
        kind=DisclosureIntent,
        label="What do you plan to do?",
    )
    publish_on = Day(required=False, label="On which day?", help_text="Only if you named a day above.")
    exploitation = picked(
        [
            (Exploitation.NONE, "Nobody uses it, as far as I know"),
            (Exploitation.POC, "There is a public proof that it works"),
            (Exploitation.ACTIVE, "Someone uses it now to do harm"),
        ],
        kind=Exploitation,
        label="Does someone use it now?",
    )
    told_whom = forms.CharField(max_length=LINE, required=False, label="Whom did you tell so far?")
    told_on = Day(required=False, label="When did you tell them?")
    public_references = Words(
        max_length=TEXT, required=False, label="Where is it public?", help_text="Links, one on each line."
    )
    relationship = picked(
        [
            (Relationship.AFFECTED, "It hurt me"),
            (Relationship.OBSERVER, "I saw it happen"),
            (Relationship.RESEARCHER, "I do research"),
            (Relationship.DEPLOYER, "I run such a system"),
            (Relationship.DEVELOPER, "I build such a system"),
            (Relationship.INSIDER, "I work there"),
        ],
        kind=Relationship,
        label="What have you to do with the system?",
    )
    reporter_name = forms.CharField(max_length=LINE, required=False, label="Your name")
    contact = forms.CharField(
        max_length=LINE,
        required=False,
        label="How can we reach you?",
        help_text="Your mailbox here is enough. We send no mail to this address by ourselves.",
    )
    credit_name = forms.CharField(max_length=LINE, required=False, label="By what name shall we thank you?")
    credit_release = forms.BooleanField(required=False, label="You may print this name")
    share_contact = forms.BooleanField(required=False, label="You may tell the vendor how to reach me")

    def clean(self) -> dict[str, Any]:
        """Check what hangs together."""
        given: dict[str, Any] = super().clean() or {}
        if given.get("intent") is DisclosureIntent.FIXED_DATE and not given.get("publish_on"):
            self.add_error("publish_on", "Name the day, or choose another plan.")
        if given.get("credit_release") and not given.get("credit_name"):
            self.add_error("credit_name", "Say the name to print.")
        return given


class ManyFiles(forms.FileInput):
    """A file field that takes several files."""

    allow_multiple_selected = True


class FilesPage(Page):
    """Files. What arrives is sealed by the upload handler; this form only draws the fields and says what was wrong."""

    title = "Files, and send"

    bundle = forms.FileField(
        required=False,
        label="A test that we can run",
        help_text="A reproduction bundle (.zip). It runs in a locked box before a person looks, and moves you ahead.",
        widget=forms.FileInput(attrs={"accept": ".zip"}),
    )
    attachments = forms.FileField(
        required=False,
        label="Other files",
        help_text="Any type. A file may hold your name without you knowing; clean it first if that matters.",
        widget=ManyFiles(attrs={"multiple": True}),
    )

    def __init__(self, *, refusal: str = "", limit: int) -> None:
        """Draw the fields, with what was wrong with the files."""
        super().__init__(data={} if refusal else None)
        self.fields[FILES_FIELD].help_text = f"Up to {limit // 2**20} MB each. {self.fields[FILES_FIELD].help_text}"
        if refusal:
            self.add_error(FILES_FIELD, refusal)
