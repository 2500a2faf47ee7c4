# SPDX-License-Identifier: Apache-2.0
"""Bundles as files: what is written is read again, named by its digest, signed, and checked before it is run."""

import hashlib
import json
import subprocess
import unicodedata
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.verification.bundles import NOON, evasion_bundle, leak_bundle

from safeconduct.crypto.signing import SigningKey
from safeconduct.domain.bundle import (
    About,
    Adapter,
    AttackScript,
    Bundle,
    Canary,
    Combine,
    Family,
    JsonPath,
    LabelFlip,
    Mutator,
    MutatorName,
    Oracle,
    Pattern,
    Sampling,
    Seed,
    SeedPart,
    Slot,
    Speaker,
    Step,
    TargetSpec,
    disclosed_part,
)
from safeconduct.domain.evidence import Criterion
from safeconduct.domain.script import Carry, CodeCheck, ParameterKind, Tool, ToolCalled, ToolParameter
from safeconduct.domain.weakness import FlawClass
from safeconduct.errors import (
    ConflictError,
    IncompleteError,
    MalformedError,
    NotFoundError,
    UnavailableError,
    VerificationError,
)
from safeconduct.verification.bundle import (
    bundle_files,
    bundle_of,
    open_bundle,
    open_unsealed,
    read_bundle,
    verify_signature,
    write_bundle,
    zip_bundle,
)
from safeconduct.verification.bundle.archive import write_files, zip_files
from safeconduct.verification.bundle.checks import check_bundle, require_runnable
from safeconduct.verification.bundle.remarks import Level
from safeconduct.verification.bundle.store import manifest_of
from safeconduct.verification.fields import NAME

SIGNER = SigningKey.generate("ada", lambda count: b"a" * count)
OTHER = SigningKey.generate("eve", lambda count: b"e" * count)

texts = st.text(max_size=40)
names = st.from_regex(NAME.pattern, fullmatch=True).map(lambda text: unicodedata.normalize("NFC", text)[:50])
words = st.from_regex("[a-z][a-z0-9_]{0,9}", fullmatch=True)
tables = st.dictionaries(st.text(min_size=1, max_size=10), texts, max_size=3)
rates = st.floats(0, 1)
leaves = st.one_of(
    st.builds(Mutator, name=st.just(MutatorName.IDENTITY)),
    st.builds(
        Mutator,
        name=st.sampled_from([MutatorName.LEETSPEAK, MutatorName.ZERO_WIDTH, MutatorName.HOMOGLYPH]),
        params=st.fixed_dictionaries({}, optional={"rate": rates}),
    ),
    st.builds(
        Mutator,
        name=st.just(MutatorName.SPACING),
        params=st.fixed_dictionaries({}, optional={"rate": rates, "separator": st.text(max_size=5)}),
    ),
    st.builds(
        Mutator,
        name=st.just(MutatorName.TRANSLATION_TABLE),
        params=st.fixed_dictionaries({"table": tables.filter(bool)}),
    ),
    st.builds(
        Mutator,
        name=st.just(MutatorName.SUFFIX),
        params=st.fixed_dictionaries({"suffixes": st.lists(texts, min_size=1, max_size=3).map(tuple)}),
    ),
)
mutators = st.recursive(
    leaves,
    lambda inner: st.builds(
        Mutator,
        name=st.sampled_from([MutatorName.NEST, MutatorName.ONE_OF]),
        inner=st.lists(inner, min_size=1, max_size=3).map(tuple),
    ),
    max_leaves=4,
)
checks = st.one_of(
    st.builds(Canary, text=texts),
    st.builds(Pattern, pattern=texts, ignore_case=st.booleans()),
    st.builds(LabelFlip, expected=texts),
    st.builds(JsonPath, path=texts, equals=texts),
    st.builds(ToolCalled, tool=words, arguments=tables),
    st.builds(CodeCheck, file=words.map(lambda word: f"{word}.py")),
)
steps = st.builds(
    Step,
    role=st.sampled_from(Speaker),
    template=texts,
    tool=st.one_of(st.just(""), words),
    arguments=tables,
    document=texts,
    expect=st.lists(checks, max_size=2).map(tuple),
    carry=st.lists(st.builds(Carry, name=words, pattern=texts), max_size=2).map(tuple),
)
tools = st.builds(
    Tool,
    name=words,
    about=texts,
    parameters=st.lists(
        st.builds(ToolParameter, name=words, kind=st.sampled_from(ParameterKind), required=st.booleans()), max_size=2
    ).map(tuple),
    result=texts,
)
attacks = st.builds(
    AttackScript,
    steps=st.lists(steps, max_size=3).map(tuple),
    seeds=st.lists(st.builds(Seed, id=names, text=texts, part=st.sampled_from(SeedPart)), max_size=3).map(tuple),
    families=st.lists(
        st.builds(
            Family,
            name=names,
            about=texts,
            chains=st.lists(st.lists(mutators, max_size=3).map(tuple), max_size=3).map(tuple),
            seeds=st.lists(texts, max_size=2).map(tuple),
        ),
        max_size=3,
    ).map(tuple),
    slots=st.lists(st.builds(Slot, name=words, values=st.lists(texts, max_size=3).map(tuple)), max_size=2).map(tuple),
    tools=st.lists(tools, max_size=2).map(tuple),
)
oracles = st.builds(
    Oracle,
    checks=st.lists(checks, max_size=4).map(tuple),
    combine=st.sampled_from(Combine),
)


@pytest.mark.parametrize("name", ["leak", "leak.zip"])
@pytest.mark.parametrize("bundle", [leak_bundle(), evasion_bundle()], ids=["leak", "evasion"])
def test_what_is_written_is_read_again(tmp_path: Path, name: str, bundle: Bundle) -> None:
    written = write_bundle(bundle, tmp_path / name)

    read = read_bundle(tmp_path / name)

    assert read == bundle
    assert read.id == written.id


@given(attack=attacks, oracle=oracles)
def test_every_attack_and_oracle_survives_the_files(attack: AttackScript, oracle: Oracle) -> None:
    bundle = leak_bundle(attack=attack, oracle=oracle)

    assert read_bundle(zip_bundle(bundle)) == bundle


def test_the_identity_is_the_digest_of_a_manifest_that_sha256sum_reads(tmp_path: Path) -> None:
    written = write_bundle(leak_bundle(), tmp_path / "b")

    result = subprocess.run(["sha256sum", "-c", "MANIFEST"], cwd=tmp_path / "b", check=False, capture_output=True)

    assert result.returncode == 0, result.stderr
    assert written.id == hashlib.sha256((tmp_path / "b" / "MANIFEST").read_bytes()).hexdigest()


def test_the_same_bundle_has_the_same_bytes() -> None:
    assert zip_bundle(leak_bundle()) == zip_bundle(leak_bundle())


def test_any_other_zip_tool_may_pack_a_bundle(tmp_path: Path) -> None:
    write_bundle(leak_bundle(), tmp_path / "b")
    with zipfile.ZipFile(tmp_path / "other.zip", "w", zipfile.ZIP_STORED) as archive:
        for path in (tmp_path / "b").iterdir():
            archive.write(path, path.name)

    assert read_bundle(tmp_path / "other.zip") == leak_bundle()


def test_a_signature_holds_for_its_key_alone(tmp_path: Path) -> None:
    write_bundle(leak_bundle(), tmp_path / "b.zip", signer=SIGNER)
    opened = open_bundle(tmp_path / "b.zip")

    verify_signature(opened, [SIGNER.verifier])

    with pytest.raises(VerificationError):
        verify_signature(opened, [OTHER.verifier])


def test_a_signature_belongs_to_its_bundle() -> None:
    stolen = bundle_files(leak_bundle(), signer=SIGNER).files["MANIFEST.dsse"]
    other = dict(bundle_files(evasion_bundle()).files)
    other["MANIFEST.dsse"] = stolen

    with pytest.raises(VerificationError, match="another bundle"):
        verify_signature(type(bundle_files(leak_bundle()))(files=other), [SIGNER.verifier])


def test_an_unsigned_bundle_says_so() -> None:
    with pytest.raises(VerificationError, match="not signed"):
        verify_signature(bundle_files(leak_bundle()), [SIGNER.verifier])


def test_the_signature_is_not_part_of_the_identity() -> None:
    assert bundle_files(leak_bundle(), signer=SIGNER).id == bundle_files(leak_bundle()).id


def test_a_changed_file_is_named(tmp_path: Path) -> None:
    write_bundle(leak_bundle(), tmp_path / "b")
    path = tmp_path / "b" / "criterion.json"
    path.write_text(path.read_text().replace("0.05", "0.50"))

    with pytest.raises(VerificationError) as caught:
        read_bundle(tmp_path / "b")

    assert caught.value.facts == {"files": ["criterion.json"]}


def test_a_manifest_has_one_form(tmp_path: Path) -> None:
    write_bundle(leak_bundle(), tmp_path / "b")
    path = tmp_path / "b" / "MANIFEST"
    path.write_bytes(path.read_bytes() + b"\n")

    with pytest.raises(MalformedError, match="MANIFEST"):
        read_bundle(tmp_path / "b")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    write_bundle(leak_bundle(), tmp_path / "b")
    (tmp_path / "b" / "oracle.json").unlink()

    with pytest.raises(IncompleteError) as caught:
        read_bundle(tmp_path / "b")

    assert caught.value.facts == {"missing": ["oracle.json"]}


def test_nothing_is_not_a_bundle(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        read_bundle(tmp_path / "nothing")


@pytest.mark.parametrize("name", ["b", "b.zip"])
def test_nothing_is_written_over(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")

    with pytest.raises(ConflictError):
        write_bundle(leak_bundle(), tmp_path / name)

    assert (tmp_path / name).read_text() == "mine"


@pytest.mark.parametrize("name", ["b", "b.zip"])
def test_a_folder_that_is_not_there_is_one_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnavailableError):
        write_bundle(leak_bundle(), tmp_path / "no" / name)


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError):
        write_files({"no/such/place": b"x"}, tmp_path / "b")

    assert list(tmp_path.iterdir()) == []


def test_the_disclosed_part_holds_no_held_out_string() -> None:
    bundle = leak_bundle()
    secret = Family(name="secret", chains=bundle.attack.families[0].chains, seeds=("s2",))
    mixed = Family(name="mixed", chains=bundle.attack.families[0].chains, seeds=("s1", "s2"))
    bundle = replace(bundle, attack=replace(bundle.attack, families=(*bundle.attack.families, secret, mixed)))

    part = disclosed_part(bundle)

    assert [seed.id for seed in part.attack.seeds] == ["s1"]
    assert [family.name for family in part.attack.families] == ["plain", "base64", "leet", "mixed"]
    assert part.attack.families[-1].seeds == ("s1",)
    assert b"As a test" not in zip_bundle(part)


def remarks_of(**changes: object) -> dict[str, Level]:
    """Return the remarks on a changed bundle by their message."""
    return {remark.message: remark.level for remark in check_bundle(leak_bundle(**changes))}


def attack_with(**changes: object) -> AttackScript:
    return replace(leak_bundle().attack, **changes)


def test_a_sound_bundle_has_no_remarks_but_on_small_families() -> None:
    assert all(remark.level is Level.WARNING for remark in check_bundle(leak_bundle()))
    require_runnable(leak_bundle())
    require_runnable(evasion_bundle())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attack": attack_with(steps=())}, "no step, document or tool holds {{prompt}}"),
        ({"attack": attack_with(seeds=())}, "there are no seeds"),
        ({"attack": attack_with(families=())}, "there are no families"),
        ({"attack": attack_with(seeds=leak_bundle().attack.seeds * 2)}, 'a seed comes twice: "s1"'),
        ({"attack": attack_with(families=leak_bundle().attack.families * 2)}, 'a family comes twice: "base64"'),
        ({"attack": attack_with(slots=leak_bundle().attack.slots * 2)}, 'a slot comes twice: "object"'),
        ({"attack": attack_with(slots=())}, "a seed names a slot without values"),
        (
            {"attack": attack_with(families=(Family(name="f", chains=()),))},
            "a family has no seeds or no chains",
        ),
        (
            {"attack": attack_with(families=(Family(name="f", chains=((),), seeds=("s9",)),))},
            "it names a seed that is not there",
        ),
        ({"oracle": Oracle(checks=())}, "the oracle has no checks"),
        ({"oracle": Oracle(checks=(LabelFlip(expected="x"),))}, "a label check needs a classifier as target"),
        ({"benign": leak_bundle().benign * 2}, "an id comes twice"),
        (
            {"benign": (replace(leak_bundle().benign[0], check=Canary(text="")),)},
            "a canary is empty",
        ),
        ({"target": replace(leak_bundle().target, model="")}, "the model has no name"),
        ({"target": replace(evasion_bundle().target, entry="")}, "a local classifier needs an entry"),
        ({"criterion": Criterion(tolerance=0.0)}, "the criterion's tolerance is not strictly between 0 and 1"),
    ],
)
def test_what_cannot_be_run_is_an_error(changes: dict[str, object], message: str) -> None:
    assert remarks_of(**changes)[message] is Level.ERROR
    with pytest.raises(MalformedError):
        require_runnable(leak_bundle(**changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"benign": ()}, "there are no benign controls"),
        ({"criterion": Criterion(tolerance=0.3, design=0.1, reproduction=0.4)}, "a tolerance of 0.3 is generous"),
        (
            {"attack": attack_with(seeds=(Seed(id="s", text="leak it"),))},
            "no seed is held out",
        ),
        (
            {"attack": attack_with(seeds=(Seed(id="s", text="leak it"),))},
            "64 draws gave only 1 different variants, fewer than a verdict needs calls",
        ),
        ({"target": replace(leak_bundle().target, system_fingerprint="")}, "the model is known by its name only"),
    ],
)
def test_what_weakens_a_verdict_is_a_warning(changes: dict[str, object], message: str) -> None:
    assert remarks_of(**changes)[message] is Level.WARNING
    require_runnable(leak_bundle(**changes))


def test_errors_come_before_warnings() -> None:
    levels = [remark.level for remark in check_bundle(leak_bundle(benign=(), oracle=Oracle(checks=())))]

    assert levels == sorted(levels, key=lambda level: level is not Level.ERROR)
    assert len(set(levels)) == 2


def test_optional_parts_of_the_target_survive() -> None:
    target = replace(
        leak_bundle().target, sampling=Sampling(top_p=0.9), adapter=Adapter.SKLEARN, url="https://x.example/v1"
    )

    assert read_bundle(zip_bundle(leak_bundle(target=target))).target == target


def test_what_is_not_said_has_the_default_of_the_vocabulary() -> None:
    documents = {
        "bundle.json": {
            "schema_version": "safeconduct-bundle/1",
            "title": "t",
            "class": "evasion",
            "created": "2026-11-23T12:00:00Z",
        },
        "target.json": {"adapter": "openai-chat", "model": "m"},
        "attack.json": {
            "steps": [{"role": "user", "template": "{{prompt}}"}],
            "seeds": [{"id": "s", "text": "x"}],
            "families": [{"name": "f", "chains": [{"mutators": [{"name": "identity"}]}]}],
        },
        "oracle.json": {"checks": [{"kind": "canary", "text": "x"}]},
        "criterion.json": {},
        "limits.json": {},
        "env.json": {},
    }
    files = {name: json.dumps(document).encode() for name, document in documents.items()} | {"benign.jsonl": b"\n"}

    bundle = read_bundle(zip_files({**files, "MANIFEST": manifest_of(files)}))

    assert bundle == Bundle(
        about=About(title="t", flaw_class=FlawClass.EVASION, created=NOON),
        target=TargetSpec(adapter=Adapter.OPENAI_CHAT, model="m"),
        attack=AttackScript(
            steps=(Step(role=Speaker.USER, template="{{prompt}}"),),
            seeds=(Seed(id="s", text="x"),),
            families=(Family(name="f", chains=((Mutator(name=MutatorName.IDENTITY),),)),),
        ),
        oracle=Oracle(checks=(Canary(text="x"),)),
    )


def test_files_without_a_manifest_become_a_bundle(tmp_path: Path) -> None:
    write_bundle(leak_bundle(), tmp_path / "b", signer=SIGNER)
    (tmp_path / "b" / "MANIFEST").unlink()

    opened = open_unsealed(tmp_path / "b")

    assert bundle_of(opened) == leak_bundle()
    assert opened.id == bundle_files(leak_bundle()).id
    assert not opened.is_signed


def test_files_without_one_of_them_do_not(tmp_path: Path) -> None:
    write_bundle(leak_bundle(), tmp_path / "b")
    (tmp_path / "b" / "oracle.json").unlink()

    with pytest.raises(IncompleteError, match="lacks files"):
        open_unsealed(tmp_path / "b")
