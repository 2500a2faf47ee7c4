# SPDX-License-Identifier: Apache-2.0
"""The key ring."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from tests.crypto.seeded import entropy

from safeconduct.crypto.age import identity_from_seed, open_with, recipient_of, seal_to
from safeconduct.crypto.keys import KeyRing
from safeconduct.crypto.secret import Secret
from safeconduct.errors import ConfigurationError, ConflictError, MalformedError, NotFoundError, SealError

ORIGIN = "127.0.0.1:8000/log"
MONDAY = datetime(2026, 11, 23, 12, tzinfo=UTC)
ELSEWHERE = identity_from_seed(Secret(entropy(99)(32)))


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing.create(tmp_path / "keys", origin=ORIGIN, entropy=entropy())


def test_a_ring_is_read_as_it_was_made(ring: KeyRing) -> None:
    assert KeyRing.load(ring.folder) == ring
    assert (ring.log.name, ring.acceptance.name, ring.attestation.name) == (
        ORIGIN,
        f"{ORIGIN}/accept",
        f"{ORIGIN}/attest",
    )
    assert len(ring.mailbox_salt) == 32


def test_every_secret_is_of_its_own(ring: KeyRing) -> None:
    seeds = [ring.log.seed, ring.acceptance.seed, ring.attestation.seed, ring.identity, ring.instance]

    assert len({seed.reveal() for seed in seeds}) == 5


def test_nothing_secret_is_shown(ring: KeyRing) -> None:
    shown = repr(ring)

    assert "AGE-SECRET" not in shown
    assert ring.instance.reveal().hex() not in shown
    assert "Secret" not in shown


def test_only_the_owner_can_read_the_ring(ring: KeyRing) -> None:
    assert ring.folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in ring.folder.iterdir()} == {0o600}


@pytest.mark.parametrize("name", [".", "ring.json", "log.key", "organization.age", "mailbox.salt", "recipients.txt"])
def test_a_ring_that_others_could_read_is_refused(ring: KeyRing, name: str) -> None:
    (ring.folder / name).chmod(0o750 if name == "." else 0o640)

    with pytest.raises(ConfigurationError, match="other accounts") as caught:
        KeyRing.load(ring.folder)

    assert caught.value.hint.startswith("chmod ")


def test_a_lax_folder_is_refused_before_keys_are_made(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir(mode=0o755)

    with pytest.raises(ConfigurationError):
        KeyRing.create(tmp_path / "keys", origin=ORIGIN, entropy=entropy())

    assert list((tmp_path / "keys").iterdir()) == []


def test_a_ring_is_never_replaced(ring: KeyRing) -> None:
    with pytest.raises(ConflictError):
        KeyRing.create(ring.folder, origin=ORIGIN, entropy=entropy(2))

    assert KeyRing.load(ring.folder) == ring


def test_an_interrupted_creation_is_carried_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import safeconduct.crypto.keys as module

    create = module.create_durably
    written: list[str] = []

    def killed(path: Path, data: bytes) -> None:
        if len(written) == 4:
            raise KeyboardInterrupt
        create(path, data)
        written.append(path.name)

    with monkeypatch.context() as patch:
        patch.setattr(module, "create_durably", killed)
        with pytest.raises(KeyboardInterrupt):
            KeyRing.create(tmp_path / "keys", origin=ORIGIN, entropy=entropy())
    before = {name: (tmp_path / "keys" / name).read_bytes() for name in written}
    with pytest.raises(ConfigurationError, match="no key ring"):
        KeyRing.load(tmp_path / "keys")

    ring = KeyRing.create(tmp_path / "keys", origin=ORIGIN, entropy=entropy(2))

    assert before == {name: (ring.folder / name).read_bytes() for name in written}


def test_a_first_start_makes_the_ring_and_a_later_one_finds_it(tmp_path: Path) -> None:
    first = KeyRing.ensure(tmp_path / "keys", origin=ORIGIN, entropy=entropy(1))

    assert KeyRing.ensure(tmp_path / "keys", origin=ORIGIN, entropy=entropy(2)) == first


def test_two_processes_that_start_at_once_come_to_one_ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "keys"
    exists = Path.exists
    others: list[KeyRing] = []

    def looked(path: Path) -> bool:
        answer = exists(path)
        if path.name == "ring.json" and not others and not answer:
            monkeypatch.setattr(Path, "exists", exists)
            others.append(KeyRing.create(folder, origin=ORIGIN, entropy=entropy(2)))
        return answer

    monkeypatch.setattr(Path, "exists", looked)
    ours = KeyRing.ensure(folder, origin=ORIGIN, entropy=entropy(1))

    assert others == [ours]


def test_a_log_keeps_its_name(ring: KeyRing) -> None:
    with pytest.raises(ConfigurationError, match="another origin"):
        KeyRing.ensure(ring.folder, origin="another.example/log", entropy=entropy(2))


def test_a_ring_cannot_be_made_for_an_origin_that_names_no_key(tmp_path: Path) -> None:
    with pytest.raises(MalformedError):
        KeyRing.create(tmp_path / "keys", origin="my log", entropy=entropy())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("ring.json", b"{}"),
        ("ring.json", b"not json"),
        ("ring.json", b'{"origin":"another.example/log"}'),
        ("mailbox.salt", b"abcd\n"),
        ("mailbox.salt", b"zz\n"),
        ("instance.key", b"\xff\n"),
        ("log.key", b""),
        ("log.key", b"\xff"),
        ("organization.age", b""),
        ("organization.age", b"AGE-SECRET-KEY-1\n"),
        ("recipients.txt", b"age1nobody\n"),
    ],
)
def test_a_damaged_ring_is_refused_without_showing_it(ring: KeyRing, name: str, content: bytes) -> None:
    (ring.folder / name).write_bytes(content)

    with pytest.raises(ConfigurationError, match="is damaged") as caught:
        KeyRing.load(ring.folder)

    assert "PRIVATE" not in str(caught.value.as_dict())


@pytest.mark.parametrize("name", ["log.key", "organization.age", "recipients.txt", "instance.key"])
def test_a_ring_that_lacks_a_file_is_refused_and_not_mended(ring: KeyRing, name: str) -> None:
    (ring.folder / name).unlink()

    with pytest.raises(ConfigurationError, match="lacks"):
        KeyRing.load(ring.folder)


def test_a_second_recipient_opens_what_is_sealed_to_the_organization(ring: KeyRing) -> None:
    assert not ring.has_second_recipient

    ring = ring.add_recipient(f" {recipient_of(ELSEWHERE)}\n")
    sealed = seal_to(ring.recipients, b"a report")

    assert ring.has_second_recipient
    assert open_with([ELSEWHERE], sealed) == open_with([ring.identity], sealed) == b"a report"
    assert KeyRing.load(ring.folder).recipients == ring.recipients


def test_a_recipient_is_added_once(ring: KeyRing) -> None:
    ring = ring.add_recipient(recipient_of(ELSEWHERE)).add_recipient(recipient_of(ELSEWHERE))

    assert ring.add_recipient(recipient_of(ring.identity)).recipients == ring.recipients
    assert len(ring.recipients) == 2


def test_the_recipients_file_may_have_comments(ring: KeyRing) -> None:
    (ring.folder / "recipients.txt").write_text(f"# the safe\n\n{recipient_of(ELSEWHERE)}\n")

    assert KeyRing.load(ring.folder).further_recipients == (recipient_of(ELSEWHERE),)


def test_each_purpose_has_its_own_key(ring: KeyRing) -> None:
    assert ring.purpose_key("form-token") == KeyRing.load(ring.folder).purpose_key("form-token")
    assert ring.purpose_key("form-token") != ring.purpose_key("other")


def test_an_epoch_lasts_a_week_in_utc(ring: KeyRing) -> None:
    first = ring.current_epoch(MONDAY, entropy=entropy(2))

    assert first.id == "2026-W48.1"
    assert ring.current_epoch(MONDAY + timedelta(days=6), entropy=entropy(3)) == first
    assert ring.current_epoch(MONDAY + timedelta(days=7), entropy=entropy(3)).id == "2026-W49.1"
    late = datetime(2026, 11, 30, 1, tzinfo=timezone(timedelta(hours=2)))
    assert ring.current_epoch(late, entropy=entropy(4)) == first
    assert ring.epoch("2026-W48.1") == first


def test_two_processes_that_make_the_epoch_at_once_use_the_same_key(
    ring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ring.current_epoch(MONDAY, entropy=entropy(2))

    with monkeypatch.context() as patch:
        looks = iter([(), (), ("2026-W48.1",)])
        patch.setattr(KeyRing, "epoch_ids", lambda _self: next(looks))
        second = ring.current_epoch(MONDAY, entropy=entropy(3))

    assert second == first


def test_an_epoch_may_be_renewed_within_its_week(ring: KeyRing) -> None:
    first = ring.current_epoch(MONDAY, entropy=entropy(2))
    second = ring.renew_epoch(MONDAY, entropy=entropy(3))

    assert (first.id, second.id) == ("2026-W48.1", "2026-W48.2")
    assert ring.current_epoch(MONDAY, entropy=entropy(4)) == second
    assert ring.epoch_ids() == ("2026-W48.1", "2026-W48.2")


def test_the_tenth_epoch_of_a_week_comes_after_the_second(ring: KeyRing) -> None:
    for seed in range(11):
        last = ring.renew_epoch(MONDAY, entropy=entropy(seed))

    assert last.id == "2026-W48.11" == ring.epoch_ids()[-1]
    assert ring.current_epoch(MONDAY, entropy=entropy()) == last


def test_a_destroyed_epoch_is_gone_and_its_name_is_not_used_again(ring: KeyRing) -> None:
    first = ring.current_epoch(MONDAY, entropy=entropy(2))
    secret = first.key.reveal().hex().encode()

    ring.destroy_epoch(first.id)

    with pytest.raises(SealError, match="destroyed"):
        ring.epoch(first.id)
    assert not [path for path in ring.folder.iterdir() if secret in path.read_bytes()]
    assert ring.current_epoch(MONDAY, entropy=entropy(3)).id == "2026-W48.2"


@pytest.mark.parametrize("name", ["2026-W01.1", "../../etc/passwd", ""])
def test_an_unknown_epoch_is_not_found(ring: KeyRing, name: str) -> None:
    with pytest.raises(NotFoundError):
        ring.epoch(name)
    with pytest.raises(NotFoundError):
        ring.destroy_epoch(name)
