# SPDX-License-Identifier: Apache-2.0
"""Bundles that hold what is no bundle's: pickles, programs, archives, names that deceive, code that is too much."""

import contextlib
import json
import stat
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hostile.test_hostile_bundle import FILES, linked, packed, with_file, with_json
from tests.verification.bundles import leak_bundle
from tests.verification.test_bundle_schema import ODD, changed, places

from safeconduct.domain.evidence import Arm
from safeconduct.domain.script import CodeFile
from safeconduct.errors import MalformedError, SafeconductError, TooLargeError
from safeconduct.verification.bundle import bundle_files, open_unsealed, read_bundle, write_bundle, zip_bundle
from safeconduct.verification.bundle.checks import MOST_LETTERS, check_bundle
from safeconduct.verification.bundle.contents import MAX_CODE, MAX_CODE_FILE
from safeconduct.verification.bundle.explain import explain_bundle
from safeconduct.verification.variants import FamilyGenerator, Variant

CODE = CodeFile(name="judge.py", text="def judge(reply):\n    return 'miss'\n")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00.", "a pickle"),
        (b"\x80\x02}q\x00.", "a pickle"),
        (b"\x7fELF\x02\x01\x01", "a program"),
        (b"MZ\x90\x00\x03\x00", "a program"),
        (b"PK\x03\x04\x14\x00", "an archive"),
        (b"\x1f\x8b\x08\x00", "an archive"),
        (b"\x28\xb5\x2f\xfd\x24", "an archive"),
        (b"\x93NUMPY\x01\x00", "a file of a model"),
        (b"GGUF\x03\x00", "a file of a model"),
        (b"{}\x00", "binary"),
    ],
)
@pytest.mark.parametrize("name", ["benign.jsonl", "attack.json", "code/judge.py"])
def test_what_is_no_text_is_refused_and_named(name: str, data: bytes, kind: str) -> None:
    with pytest.raises(MalformedError, match=f"{name} is {kind}") as caught:
        read_bundle(with_file(name, data))

    assert caught.value.facts["name"] == name
    assert caught.value.hint


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("Bundle.json", "spelled otherwise"),
        ("ATTACK.JSON", "spelled otherwise"),
        ("\uff42undle.json", "spelled otherwise"),
        ("../bundle.json", "leads elsewhere"),
        ("/bundle.json", "leads elsewhere"),
        ("code/../bundle.json", "leads elsewhere"),
        ("C:bundle.json", "leads elsewhere"),
        ("more.zip", "archive in the archive"),
        ("code/more.tar.gz", "archive in the archive"),
        ("weights.pkl", "a model or a program"),
        ("model.safetensors", "a model or a program"),
        ("bundle\u200b.json", "control or invisible"),
        ("\x1b[2Jattack.json", "control or invisible"),
        ("notes/readme.txt", "in a folder"),
        ("readme.txt", "another name"),
        ("code/Judge.py", "in a folder"),
        ("code/e\u0301.py", "in a folder"),
        ("code/code/judge.py", "in a folder"),
    ],
)
def test_a_name_that_does_not_belong_is_told_why(name: str, seen: str) -> None:
    with pytest.raises(MalformedError) as caught:
        read_bundle(packed([*FILES.items(), (name, b"x")]))

    assert seen in caught.value.hint
    assert str(caught.value.facts["name"]).isprintable()


def test_code_is_carried_and_named_by_the_manifest(tmp_path: Path) -> None:
    bundle = leak_bundle(code=(CODE,))
    write_bundle(bundle, tmp_path / "b")

    assert read_bundle(tmp_path / "b") == read_bundle(zip_bundle(bundle)) == bundle
    assert f"{CODE.sha256}  code/judge.py\n" in (tmp_path / "b" / "MANIFEST").read_text()


def test_the_folder_entry_of_other_tools_is_passed_over(tmp_path: Path) -> None:
    write_bundle(leak_bundle(code=(CODE,)), tmp_path / "b")
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.mkdir("code")
        for path in (tmp_path / "b").rglob("*.*"):
            archive.write(path, path.relative_to(tmp_path / "b"))
        archive.write(tmp_path / "b" / "MANIFEST", "MANIFEST")

    assert read_bundle(tmp_path / "b.zip").code == (CODE,)


def test_a_folder_of_code_with_something_else_in_it_is_refused(tmp_path: Path) -> None:
    write_bundle(leak_bundle(code=(CODE,)), tmp_path / "b")
    (tmp_path / "b" / "code" / "deeper").mkdir()

    with pytest.raises(MalformedError):
        read_bundle(tmp_path / "b")


def test_a_link_as_the_folder_of_code_is_refused(tmp_path: Path) -> None:
    write_bundle(leak_bundle(), tmp_path / "b")
    (tmp_path / "b" / "code").symlink_to("/etc")

    with pytest.raises(MalformedError):
        read_bundle(tmp_path / "b")


def test_a_link_among_the_code_is_refused(tmp_path: Path) -> None:
    write_bundle(leak_bundle(code=(CODE,)), tmp_path / "b")
    (tmp_path / "b" / "code" / "other.py").symlink_to("/etc/shadow")

    with pytest.raises(MalformedError, match="regular files"):
        read_bundle(tmp_path / "b")


def test_a_linked_member_among_the_code_is_refused() -> None:
    with pytest.raises(MalformedError, match="regular files"):
        read_bundle(packed([*FILES.items(), (linked("code/judge.py", stat.S_IFLNK | 0o777), b"/etc/shadow")]))


def test_too_many_code_files_are_refused() -> None:
    files = tuple(CodeFile(name=f"f{at}.py", text="") for at in range(MAX_CODE + 1))

    with pytest.raises(TooLargeError, match="too much code"):
        read_bundle(zip_bundle(leak_bundle(code=files)))


def test_a_code_file_that_is_too_large_is_refused() -> None:
    with pytest.raises(TooLargeError, match="too much code"):
        read_bundle(with_file("code/judge.py", b"#" * (MAX_CODE_FILE + 1)))


def test_code_that_is_no_text_is_refused() -> None:
    with pytest.raises(MalformedError, match=r"code/judge\.py is not UTF-8"):
        read_bundle(with_file("code/judge.py", b"# \xff"))


def test_a_code_file_that_the_manifest_does_not_name_is_refused() -> None:
    files = {**bundle_files(leak_bundle()).files, "code/judge.py": CODE.text.encode()}

    with pytest.raises(SafeconductError):
        read_bundle(packed(list(files.items())))


def test_an_unsealed_folder_is_looked_at_as_strictly(tmp_path: Path) -> None:
    write_bundle(leak_bundle(), tmp_path / "b")
    (tmp_path / "b" / "more.pkl").write_bytes(b"\x80\x04.")

    with pytest.raises(MalformedError):
        open_unsealed(tmp_path / "b")


@pytest.mark.parametrize("said", [{"seed_count": 10_000}, {"variants": 5}, {"calls": 1}])
def test_a_bundle_has_no_place_to_lie_about_counts(said: dict[str, object]) -> None:
    with pytest.raises(MalformedError, match="unknown name"):
        read_bundle(with_json("attack.json", lambda document: document.update(said)))


@pytest.mark.parametrize(
    "mutator",
    [
        {"name": "nest", "inner": [{"name": "nest", "inner": [{"name": "nest", "inner": []}]}]},
        {"name": "nest", "params": {"times": 99}, "inner": [{"name": "case"}]},
        {"name": "nest", "params": {"scope": "letters"}, "inner": [{"name": "case"}]},
        {"name": "one_of", "inner": []},
        {"name": "one_of"},
        {"name": "case", "inner": [{"name": "case"}]},
        {"name": "code"},
        {"name": "suffix", "params": None},
        {"name": "code", "params": {"file": "../../bin/sh.py"}},
        {"name": "code", "params": {"file": "judge.py", "shell": "true"}},
        {"name": "rot13", "version": 2},
    ],
)
def test_a_mutator_that_is_not_what_it_should_be_is_refused(mutator: dict[str, Any]) -> None:
    def spoil(document: dict[str, Any]) -> None:
        document["families"][0]["chains"][0]["mutators"] = [mutator]

    with pytest.raises(SafeconductError):
        read_bundle(with_json("attack.json", spoil))


@pytest.mark.parametrize("depth", [5, 8])
def test_mutators_that_are_nested_too_deep_or_do_too_much_are_told(depth: int) -> None:
    mutator: dict[str, Any] = {"name": "case"}
    for _ in range(depth):
        mutator = {"name": "nest", "params": {"times": 4}, "inner": [mutator]}

    def spoil(document: dict[str, Any]) -> None:
        document["families"][0]["chains"][0]["mutators"] = [mutator]

    remarks = check_bundle(read_bundle(with_json("attack.json", spoil)))

    assert "family.unusable" in {remark.code for remark in remarks}


def test_nesting_beyond_the_parser_is_refused() -> None:
    mutator: dict[str, Any] = {"name": "case"}
    for _ in range(200):
        mutator = {"name": "nest", "inner": [mutator]}

    with pytest.raises(TooLargeError, match="deeper"):
        read_bundle(
            with_json("attack.json", lambda document: document["families"][0].update(chains=[{"mutators": [mutator]}]))
        )


@given(data=st.data(), name=st.sampled_from(sorted(set(FILES) - {"MANIFEST", "benign.jsonl"})))
@settings(max_examples=200)
def test_any_document_is_refused_or_explained(data: st.DataObject, name: str) -> None:
    document = json.loads(FILES[name])
    at = data.draw(st.sampled_from([place for place in places(document) if place]))
    spoiled = changed(document, at, lambda holder, key: holder.__setitem__(key, data.draw(ODD)))

    with contextlib.suppress(SafeconductError):
        bundle = read_bundle(with_file(name, json.dumps(spoiled).encode()))
        for remark in check_bundle(bundle):
            assert remark.code
            assert remark.message
        assert all(line.isprintable() for _, lines in explain_bundle(bundle).sections for line in lines)


def test_a_bundle_whose_variants_take_long_is_looked_at_within_bounds() -> None:
    mutator: dict[str, Any] = {"name": "leetspeak"}
    families = [{"name": f"f{at}", "chains": [{"mutators": [mutator] * 8}]} for at in range(100)]
    seeds = [{"id": "s", "text": "a" * 50_000}]
    bundle = read_bundle(with_json("attack.json", lambda document: document.update(families=families, seeds=seeds)))
    drawn: Counter[str] = Counter()
    draw = FamilyGenerator.draw

    def counted(self: FamilyGenerator, seed: bytes, arm: Arm, index: int) -> Variant:
        variant = draw(self, seed, arm, index)
        drawn[self.name] += variant.letters
        return variant

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FamilyGenerator, "draw", counted)
        check_bundle(bundle)

    assert drawn.total() < 3 * MOST_LETTERS
