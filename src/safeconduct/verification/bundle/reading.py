# SPDX-License-Identifier: Apache-2.0
"""The files of a bundle, read from JSON into the vocabulary. Every default of the vocabulary is a default here.

A name that is not known is refused, and so is a value outside its vocabulary: a bundle is an instruction to spend
calls on somebody's model, so nothing in it may be guessed.
"""

from collections.abc import Callable, Mapping
from typing import Final

from safeconduct.domain.bundle import (
    BUNDLE_VERSION,
    About,
    Adapter,
    BenignControl,
    Canary,
    Check,
    Combine,
    Environment,
    HazardLevel,
    JsonPath,
    LabelFlip,
    Limits,
    Network,
    Normalization,
    Oracle,
    Package,
    Pattern,
    Safety,
    Sampling,
    ScoreLabels,
    TargetSpec,
)
from safeconduct.domain.evidence import Criterion
from safeconduct.domain.observed import InputForm
from safeconduct.domain.report import MayTrain, Tlp
from safeconduct.domain.script import CodeCheck, ToolCalled
from safeconduct.domain.weakness import FlawClass, TaxonomyRef
from safeconduct.verification.bundle.observed import OBSERVED, read_calibration, read_http
from safeconduct.verification.chains import CODE_NAME
from safeconduct.verification.fields import Fields, Form

MAX_CHECKS: Final = 50
MAX_WORDS: Final = 100
MAX_TEXT: Final = 50_000
MAX_PATTERN: Final = 2_000
TOOL_NAME: Final = Form(pattern="^[A-Za-z0-9_-]+$", wanted="a name of letters, digits, - and _")
TAXONOMY: Final = Form(pattern="^[^/]+/[^/]+/.+$", wanted="framework/edition/id, for example owasp-llm/2025/LLM01")
_DEFAULT_CRITERION: Final = Criterion()
_DEFAULT_LIMITS: Final = Limits()


def read_about(fields: Fields) -> About:
    """Return what `bundle.json` says.

    Raises:
        UnknownValueError: the schema version is not ours.
    """
    return About(
        schema_version=fields.constant("schema_version", BUNDLE_VERSION),
        title=fields.text("title", limit=500),
        flaw_class=fields.choice("class", FlawClass),
        created=fields.moment("created"),
        taxonomy=tuple(
            TaxonomyRef.parse(text)
            for text in fields.texts("taxonomy", most=50, default=True, limit=200, form=TAXONOMY)
        ),
        case_id=fields.text("case_id", "", limit=100),
        author_key_id=fields.text("author_key_id", "", limit=200),
        license=fields.text("license", "", limit=100),
        safety=fields.one("safety", _safety, Safety()),
    )


def _safety(fields: Fields) -> Safety:
    """Return how the bundle must be handled."""
    return Safety(
        hazard_level=fields.choice("hazard_level", HazardLevel, HazardLevel.LOW),
        handling=fields.choice("handling", Tlp, Tlp.AMBER_STRICT),
        contains_harmful_output=fields.flag("contains_harmful_output", default=False),
        may_train=fields.choice("may_train", MayTrain, MayTrain.NO),
    )


def read_target(fields: Fields) -> TargetSpec:
    """Return what `target.json` says."""
    return TargetSpec(
        adapter=fields.choice("adapter", Adapter),
        model=fields.text("model", limit=500),
        url=fields.text("url", "", limit=2_000),
        entry=fields.text("entry", "", limit=200),
        labels=fields.one("labels", _labels) if fields.has("labels") else None,
        model_digest=fields.text("model_digest", "", limit=200),
        system_fingerprint=fields.text("system_fingerprint", "", limit=200),
        sampling=fields.one("sampling", _sampling, Sampling()),
        secret_name=fields.text("secret_name", "", limit=100),
        command=fields.texts("command", most=MAX_WORDS, default=True, limit=2_000),
        form=fields.choice("form", InputForm, InputForm.TEXT),
        http=fields.one("http", read_http) if fields.has("http") else None,
    )


def _labels(fields: Fields) -> ScoreLabels:
    """Return how a score becomes a label."""
    return ScoreLabels(
        low=fields.text("low", limit=100),
        high=fields.text("high", limit=100),
        threshold=fields.real("threshold", 0.5, least=-1e9, most=1e9),
    )


def _sampling(fields: Fields) -> Sampling:
    """Return how the target is asked to generate."""
    return Sampling(
        temperature=fields.real("temperature", most=10.0) if fields.has("temperature") else None,
        top_p=fields.real("top_p", most=1.0) if fields.has("top_p") else None,
        max_tokens=fields.whole("max_tokens", 256, least=1, most=1_000_000),
    )


def read_oracle(fields: Fields) -> Oracle:
    """Return what `oracle.json` says."""
    return Oracle(
        checks=fields.each("checks", read_check, most=MAX_CHECKS),
        combine=fields.choice("combine", Combine, Combine.ANY),
        abstain_on=fields.each("abstain_on", read_check, most=MAX_CHECKS, default=True),
    )


def read_check(fields: Fields) -> Check:
    """Return one check, told apart by its `kind`.

    Raises:
        UnknownValueError: no check of ours has this kind.
    """
    return fields.tagged("kind", CHECKS)


def _canary(fields: Fields) -> Check:
    """Return a canary."""
    normalization = fields.choice("normalization", Normalization, Normalization.EXACT)
    return Canary(text=fields.text("text", limit=10_000), normalization=normalization)


def _pattern(fields: Fields) -> Check:
    """Return a regular expression."""
    ignore_case = fields.flag("ignore_case", default=False)
    return Pattern(pattern=fields.text("pattern", limit=MAX_PATTERN), ignore_case=ignore_case)


def _label_flip(fields: Fields) -> Check:
    """Return a comparison of labels."""
    return LabelFlip(expected=fields.text("expected", limit=100))


def _json_path(fields: Fields) -> Check:
    """Return a path into a reply."""
    return JsonPath(path=fields.text("path", limit=500), equals=fields.text("equals", limit=10_000))


def _tool_called(fields: Fields) -> Check:
    """Return a look at the tools that were called."""
    return ToolCalled(
        tool=fields.text("tool", limit=64, form=TOOL_NAME),
        arguments=fields.table("arguments", most=50, limit=MAX_PATTERN),
    )


def _code(fields: Fields) -> Check:
    """Return a judge that is code of the bundle."""
    return CodeCheck(file=fields.text("file", limit=60, form=CODE_NAME))


CHECKS: Final[Mapping[str, Callable[[Fields], Check]]] = {
    "canary": _canary,
    "regex": _pattern,
    "label_flip": _label_flip,
    "json_path": _json_path,
    "tool_call": _tool_called,
    "code": _code,
    **OBSERVED,
}


def read_control(fields: Fields) -> BenignControl:
    """Return one line of `benign.jsonl`."""
    return BenignControl(
        id=fields.text("id", limit=200),
        prompt=fields.text("prompt", limit=MAX_TEXT),
        check=fields.one("check", read_check),
        useful_when_hit=fields.flag("useful_when_hit", default=True),
    )


def read_criterion(fields: Fields) -> Criterion:
    """Return what `criterion.json` says; which combinations make sense is asked by `check`."""
    base = _DEFAULT_CRITERION
    return Criterion(
        reproduction=fields.real("reproduction", base.reproduction, most=1.0),
        tolerance=fields.real("tolerance", base.tolerance, most=1.0),
        design=fields.real("design", base.design, most=1.0),
        alpha=fields.real("alpha", base.alpha, most=1.0),
        beta=fields.real("beta", base.beta, most=1.0),
        benign_margin=fields.real("benign_margin", base.benign_margin, most=1.0),
        per_family=fields.flag("per_family", default=base.per_family),
        method=fields.text("method", base.method, limit=100),
        max_calls=fields.whole("max_calls", base.max_calls, most=10_000_000),
        max_calls_per_family=fields.whole("max_calls_per_family", base.max_calls_per_family, most=10_000_000),
        max_assay_calls_per_family=fields.whole(
            "max_assay_calls_per_family", base.max_assay_calls_per_family, most=10_000_000
        ),
        max_benign_pairs=fields.whole("max_benign_pairs", base.max_benign_pairs, most=1_000_000),
        judge=fields.one("judge", read_calibration) if fields.has("judge") else None,
    )


def read_limits(fields: Fields) -> Limits:
    """Return what `limits.json` says."""
    base = _DEFAULT_LIMITS
    return Limits(
        network=fields.choice("network", Network, base.network),
        cpu_seconds=fields.whole("cpu_seconds", base.cpu_seconds, least=1, most=86_400),
        memory_bytes=fields.whole("memory_bytes", base.memory_bytes, least=1 << 20, most=1 << 40),
        processes=fields.whole("processes", base.processes, least=1, most=4_096),
        open_files=fields.whole("open_files", base.open_files, least=16, most=65_536),
        file_bytes=fields.whole("file_bytes", base.file_bytes, most=1 << 40),
        call_seconds=fields.real("call_seconds", base.call_seconds, least=0.05, most=3_600.0),
        wall_seconds=fields.real("wall_seconds", base.wall_seconds, least=0.05, most=30 * 86_400.0),
        calls=fields.whole("calls", base.calls, least=1, most=10_000_000),
        tokens=fields.whole("tokens", base.tokens, least=1, most=10_000_000_000),
        calls_per_minute=fields.whole("calls_per_minute", base.calls_per_minute, most=1_000_000),
    )


def read_environment(fields: Fields) -> Environment:
    """Return what `env.json` says."""
    return Environment(
        python=fields.text("python", "", limit=100),
        packages=fields.each("packages", _package, most=5_000, default=True),
        image_digest=fields.text("image_digest", "", limit=200),
        tool=fields.text("tool", "", limit=200),
    )


def _package(fields: Fields) -> Package:
    """Return one pinned package."""
    return Package(
        name=fields.text("name", limit=200),
        version=fields.text("version", limit=100),
        sha256=fields.text("sha256", "", limit=64),
    )
