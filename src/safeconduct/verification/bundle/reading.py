# SPDX-License-Identifier: Apache-2.0
"""The files of a bundle, read from JSON into the vocabulary. Every default of the vocabulary is a default here.

A name that is not known is refused, and so is a value outside its vocabulary: a bundle is an instruction to spend
calls on somebody's model, so nothing in it may be guessed.
"""

from collections.abc import Mapping
from typing import Final

from safeconduct.domain.bundle import (
    BUNDLE_VERSION,
    About,
    Adapter,
    AttackScript,
    BenignControl,
    Canary,
    Check,
    Combine,
    Environment,
    Family,
    HazardLevel,
    JsonPath,
    LabelFlip,
    Limits,
    Mutator,
    MutatorName,
    Network,
    Normalization,
    Oracle,
    Package,
    ParamValue,
    Pattern,
    Safety,
    Sampling,
    ScoreLabels,
    Seed,
    SeedPart,
    Slot,
    Speaker,
    Step,
    TargetSpec,
)
from safeconduct.domain.evidence import Criterion
from safeconduct.domain.report import Tlp
from safeconduct.domain.safe_json import Json
from safeconduct.domain.weakness import FlawClass, TaxonomyRef
from safeconduct.errors import TooLargeError, UnknownValueError
from safeconduct.verification.fields import Fields

MAX_SEEDS: Final = 20_000
MAX_FAMILIES: Final = 100
MAX_CHAINS: Final = 100
MAX_CHAIN: Final = 8
MAX_STEPS: Final = 50
MAX_SLOTS: Final = 50
MAX_SLOT_VALUES: Final = 2_000
MAX_PARAMS: Final = 2_000
MAX_CHECKS: Final = 50
MAX_TEXT: Final = 50_000
_DEFAULT_CRITERION: Final = Criterion()
_DEFAULT_LIMITS: Final = Limits()


def read_about(fields: Fields) -> About:
    """Return what `bundle.json` says.

    Raises:
        UnknownValueError: the schema version is not ours.
    """
    version = fields.text("schema_version", limit=100)
    if version != BUNDLE_VERSION:
        raise UnknownValueError("the bundle has another schema version", hint=f"this tool reads {BUNDLE_VERSION}")
    return About(
        title=fields.text("title", limit=500),
        flaw_class=fields.choice("class", FlawClass),
        created=fields.moment("created"),
        taxonomy=tuple(TaxonomyRef.parse(text) for text in fields.texts("taxonomy", most=50, default=True)),
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


def read_attack(fields: Fields) -> AttackScript:
    """Return what `attack.json` says."""
    return AttackScript(
        steps=fields.each("steps", _step, most=MAX_STEPS),
        seeds=fields.each("seeds", _seed, most=MAX_SEEDS),
        families=fields.each("families", _family, most=MAX_FAMILIES),
        slots=fields.each("slots", _slot, most=MAX_SLOTS, default=True),
        commitment=fields.text("commitment", "", limit=64),
    )


def _step(fields: Fields) -> Step:
    """Return one turn of the script."""
    return Step(role=fields.choice("role", Speaker), template=fields.text("template", limit=MAX_TEXT))


def _seed(fields: Fields) -> Seed:
    """Return one seed."""
    return Seed(
        id=fields.text("id", limit=200),
        text=fields.text("text", limit=MAX_TEXT),
        part=fields.choice("part", SeedPart, SeedPart.DISCLOSED),
    )


def _slot(fields: Fields) -> Slot:
    """Return one slot and its values."""
    return Slot(name=fields.text("name", limit=50), values=fields.texts("values", most=MAX_SLOT_VALUES))


def _family(fields: Fields) -> Family:
    """Return one family of mutator chains."""
    chains = fields.each("chains", _chain, most=MAX_CHAINS)
    return Family(
        name=fields.text("name", limit=100),
        chains=chains,
        about=fields.text("about", "", limit=2_000),
        seeds=fields.texts("seeds", most=MAX_SEEDS, default=True),
    )


def _chain(fields: Fields) -> tuple[Mutator, ...]:
    """Return one chain: mutators applied from left to right."""
    return fields.each("mutators", _mutator, most=MAX_CHAIN)


def _mutator(fields: Fields) -> Mutator:
    """Return one mutator with its parameters."""
    return Mutator(
        name=fields.choice("name", MutatorName),
        params=_params(fields) if fields.has("params") else {},
        version=fields.whole("version", 1, least=1, most=1),
    )


def _params(fields: Fields) -> Mapping[str, ParamValue]:
    """Return the parameters of a mutator: texts, numbers, lists of texts and tables of texts."""
    inner = Fields.of(fields.value("params"), at=f"{fields.at}: “params”")
    if len(inner.values) > MAX_PARAMS:
        raise TooLargeError(f"{fields.at} has more than {MAX_PARAMS} parameters", limit=MAX_PARAMS)
    return {name: _param(inner, name) for name in inner.values}


def _param(fields: Fields, name: str) -> ParamValue:
    """Return one parameter."""
    fields.asked.add(name)
    value: Json = fields.values[name]
    if isinstance(value, list):
        return fields.texts(name, most=MAX_PARAMS)
    if isinstance(value, dict):
        table = Fields.of(value, at=f"{fields.at}: “{name}”")
        return {key: table.text(key, limit=MAX_TEXT) for key in value}
    if isinstance(value, str):
        return fields.text(name, limit=MAX_TEXT)
    if isinstance(value, bool | int | float):
        return value
    raise fields.wrong(name, "a text, a number, a list or a table of texts")


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
    match fields.text("kind", limit=50):
        case "canary":
            normalization = fields.choice("normalization", Normalization, Normalization.EXACT)
            return Canary(text=fields.text("text", limit=10_000), normalization=normalization)
        case "regex":
            ignore_case = fields.flag("ignore_case", default=False)
            return Pattern(pattern=fields.text("pattern", limit=2_000), ignore_case=ignore_case)
        case "label_flip":
            return LabelFlip(expected=fields.text("expected", limit=100))
        case "json_path":
            return JsonPath(path=fields.text("path", limit=500), equals=fields.text("equals", limit=10_000))
        case _:
            raise UnknownValueError(
                f"{fields.at}: “kind” is not in the vocabulary", hint="one of canary, json_path, label_flip, regex"
            )


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
