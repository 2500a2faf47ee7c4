# SPDX-License-Identifier: Apache-2.0
"""Grants: who gives them, what they may be, which target stands for a reported system, and what may still be spent."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.factories import authorizations as factory
from tests.factories import records
from tests.factories.authorizations import OPERATOR, granted, terms, write_secret
from tests.server.factories import viewer

from safeconduct.domain.authorization import WeeklyHours
from safeconduct.domain.bundle import Adapter
from safeconduct.domain.event import EventTag
from safeconduct.domain.parties import Role
from safeconduct.domain.price import Price
from safeconduct.domain.systems import Identity
from safeconduct.errors import (
    ConfigurationError,
    ConflictError,
    IncompleteError,
    MalformedError,
    NotFoundError,
    NotPermittedError,
    UnknownValueError,
)
from safeconduct.server.audit.models import Event
from safeconduct.server.authorizations import queries, services
from safeconduct.server.authorizations.models import Target, TargetRole, TargetState
from safeconduct.server.authorizations.secret_files import secret_path, secrets_named

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_home")]
DAY = timedelta(days=1)
EURO = Price(currency="EUR", per_call=Decimal("0.25"))


def matched(now: datetime, **changes: Any) -> list[str]:
    return [target.label for target in queries.matching([records.hosted_model(**changes)], now=now)]


def test_a_grant_is_kept_as_it_was_given(now: datetime) -> None:
    target = granted(now, caps={"calls": 40, "calls_per_minute": 6}, starts_at=now, ends_at=now + DAY)

    grant = queries.grant_of(Target.objects.get(pk=target.pk))

    assert grant == terms(caps={"calls": 40, "calls_per_minute": 6}, starts_at=now, ends_at=now + DAY)


@pytest.mark.parametrize("role", [Role.VENDOR, Role.DEPLOYER, Role.OBSERVER, Role.REGULATOR])
def test_only_those_who_coordinate_or_administer_grant_and_see(now: datetime, role: Role) -> None:
    target, outsider = granted(now), viewer(role)

    with pytest.raises(NotPermittedError):
        granted(now, by=outsider)
    with pytest.raises(NotPermittedError):
        services.suspend(target=target, reason="no", by=outsider, now=now)
    with pytest.raises(NotFoundError):
        queries.target_for(outsider, target.pk)


def test_the_record_says_that_an_operator_granted(now: datetime) -> None:
    target, coordinator = granted(now), viewer(Role.COORDINATOR)
    other = granted(now, by=coordinator)

    acts = {event.subject: (event.actor, event.facts) for event in Event.objects.filter(tag=EventTag.TARGET_GRANTED)}
    assert acts == {target.pk: ("", {"by": "operator"}), other.pk: (coordinator.actor, {})}


@pytest.mark.parametrize("missing", ["label", "model", "url"])
def test_what_is_missing_is_named(now: datetime, missing: str) -> None:
    with pytest.raises(IncompleteError) as refused:
        granted(now, **{missing: "  "})

    assert refused.value.facts["missing"] == [missing]


def test_a_classifier_needs_its_entry_and_has_no_address(now: datetime, tmp_path: Path) -> None:
    local: dict[str, Any] = {"adapter": Adapter.PYTHON_CALLABLE, "url": ""}
    with pytest.raises(IncompleteError):
        granted(now, **local)
    with pytest.raises(MalformedError, match="has no address"):
        granted(now, **local | {"url": factory.URL, "entry": "a:b"})
    with pytest.raises(MalformedError, match="module:function"):
        granted(now, **local, entry="import os; os.system")

    assert granted(now, **local, entry="profanity_check:predict_prob").entry == "profanity_check:predict_prob"


def test_another_address_on_the_web_is_granted_like_a_chat_endpoint(now: datetime) -> None:
    assert granted(now, adapter=Adapter.HTTP).url == factory.URL
    with pytest.raises(IncompleteError):
        granted(now, adapter=Adapter.HTTP, url="")


@pytest.mark.parametrize(
    ("adapter", "entry"),
    [
        (Adapter.SKLEARN, "file:model.joblib"),
        (Adapter.MODEL_FILE, "pickle:load"),
        (Adapter.COMMAND, "/packages/0/run --model 'a b'"),
    ],
)
def test_what_runs_in_the_sandbox_is_named_by_its_entry(now: datetime, adapter: Adapter, entry: str) -> None:
    assert granted(now, adapter=adapter, url="", entry=entry).entry == entry


@pytest.mark.parametrize(
    ("adapter", "entry"),
    [
        (Adapter.SKLEARN, "file:../keys"),
        (Adapter.SKLEARN, "file:/etc/passwd"),
        (Adapter.COMMAND, "run"),
        (Adapter.COMMAND, "/bin/sh -c 'unended"),
    ],
)
def test_an_entry_that_names_nothing_in_the_box_is_refused(now: datetime, adapter: Adapter, entry: str) -> None:
    with pytest.raises(MalformedError):
        granted(now, adapter=adapter, url="", entry=entry)


@pytest.mark.parametrize("packages", ["relative/path", "/nowhere/at/all", "/"])
def test_packages_are_whole_paths_of_folders_that_do_not_show_the_home(now: datetime, packages: str) -> None:
    with pytest.raises(MalformedError, match="packages"):
        granted(now, adapter=Adapter.SKLEARN, url="", entry="a:b", packages=packages)


def test_packages_may_not_lie_in_the_home_folder(now: datetime, own_home: Path, tmp_path_factory: Any) -> None:
    elsewhere = tmp_path_factory.mktemp("packages")
    shown = granted(now, adapter=Adapter.SKLEARN, url="", entry="a:b", packages=str(elsewhere))
    assert shown.packages == str(elsewhere)

    link = elsewhere / "keys"
    link.symlink_to(own_home / "keys")
    for folder in (own_home, own_home / "keys", link):
        with pytest.raises(MalformedError, match="home folder"):
            granted(now, adapter=Adapter.SKLEARN, url="", entry="a:b", packages=f"{elsewhere}:{folder}")


@pytest.mark.parametrize(
    ("caps", "name"),
    [
        ({"calls": 0}, "calls"),
        ({"calls": -1}, "calls"),
        ({"calls": 10**12}, "calls"),
        ({"tokens": 0}, "tokens"),
        ({"tokens_per_call": 0}, "tokens per call"),
        ({"calls_per_minute": -1}, "calls per minute"),
        ({"call_seconds": 0.0}, "seconds per call"),
        ({"call_seconds": float("nan")}, "seconds per call"),
        ({"call_seconds": float("inf")}, "seconds per call"),
    ],
)
def test_a_cap_out_of_range_is_named(now: datetime, caps: dict[str, Any], name: str) -> None:
    with pytest.raises(MalformedError) as refused:
        granted(now, caps=caps)

    assert refused.value.facts["cap"] == name


def test_a_window_that_ends_before_it_starts_is_refused(now: datetime) -> None:
    for ends_at in (now, now - DAY):
        with pytest.raises(MalformedError, match="window"):
            granted(now, starts_at=now, ends_at=ends_at)


def test_what_is_too_long_is_refused_on_every_database(now: datetime) -> None:
    for changes in ({"label": "x" * 201}, {"url": f"https://host/{'x' * 500}"}, {"vendor": "x" * 201}):
        with pytest.raises(MalformedError, match="too long"):
            granted(now, **changes)
    with pytest.raises(MalformedError, match="too long"):
        granted(now, adapter=Adapter.SKLEARN, url="", entry="a:b", packages="/usr:" * 200)


def test_a_secret_is_given_by_the_name_of_a_file_that_is_there(now: datetime) -> None:
    with pytest.raises(UnknownValueError) as refused:
        granted(now, secret_name="sk-livesecretpastedbymistake")
    assert "sk-live" not in str(refused.value.as_dict())

    secret = write_secret("ACME_KEY")
    target = granted(now, secret_name="ACME_KEY")

    assert secrets_named(target.secret_name)["ACME_KEY"].reveal() == secret
    assert secret.decode() not in str(Target.objects.values())


@pytest.mark.parametrize("name", ["../keys/log", "a/b", "", "x" * 65, ".hidden", "9lives", "ä"])
def test_the_name_of_a_secret_is_no_path(now: datetime, name: str) -> None:
    if not name:
        assert secrets_named(name) == {}
        return
    with pytest.raises(MalformedError):
        granted(now, secret_name=name)
    with pytest.raises(ConfigurationError):
        secrets_named(name)


def test_a_secret_that_cannot_be_used_is_told_by_name_and_not_by_value() -> None:
    value = write_secret("ACME_KEY")
    secret_path("ACME_KEY").chmod(0o644)
    with pytest.raises(ConfigurationError, match="other accounts"):
        secrets_named("ACME_KEY")
    with pytest.raises(ConfigurationError, match="not there"):
        secrets_named("OTHER_KEY")
    write_secret("EMPTY", b"  \n")
    with pytest.raises(ConfigurationError, match="empty") as refused:
        secrets_named("EMPTY")
    secret_path("FOLDER").mkdir(mode=0o700)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        secrets_named("FOLDER")

    assert value.decode() not in str(refused.value.as_dict())


def test_a_target_is_usable_in_its_window_while_granted_and_not_spent(now: datetime) -> None:
    target = granted(now, caps={"calls": 10}, starts_at=now, ends_at=now + DAY)

    def usable(at: datetime) -> bool:
        return queries.usable(at).filter(pk=target.pk).exists()

    assert [usable(now - DAY), usable(now), usable(now + DAY)] == [False, True, False]
    services.spend(target_id=target.pk, calls=10, tokens=5)
    assert not usable(now)


def test_a_suspended_target_may_be_resumed_and_a_revoked_one_not(now: datetime) -> None:
    target, by = granted(now), viewer(Role.ADMINISTRATOR)

    services.suspend(target=target, reason=" it hangs ", by=by, now=now)
    assert not queries.is_usable(target.pk, now=now)
    with pytest.raises(ConflictError, match="suspended already"):
        services.suspend(target=target, reason="again", by=by, now=now)
    resumed = services.resume(target=target, reason="it runs again", by=by, now=now + DAY)
    assert (resumed.state, resumed.changed_at) == (TargetState.GRANTED, now + DAY)
    services.revoke(target=target, reason="sold", by=by, now=now)
    with pytest.raises(ConflictError, match="for good"):
        services.resume(target=target, reason="please", by=by, now=now)


@pytest.mark.parametrize("reason", ["", "  ", "x" * 2001])
def test_a_change_needs_a_reason_of_sane_length(now: datetime, reason: str) -> None:
    with pytest.raises((IncompleteError, MalformedError)):
        services.suspend(target=granted(now), reason=reason, by=OPERATOR, now=now)


def test_the_most_exact_match_comes_first(now: datetime) -> None:
    granted(now, label="product", model="other", product="Orchid assistant")
    granted(now, label="both", product="ORCHID  ASSISTANT", vendor="Orchid Bank")
    granted(now, label="model")

    assert matched(now) == ["both", "model", "product"]


def test_neither_a_vendor_nor_an_unknown_name_is_a_match(now: datetime) -> None:
    granted(now, label="vendor", model="elsewhere", vendor="Orchid Bank")
    granted(now, label="unknown", model="unknown", product="unknown")

    assert matched(now) == []
    assert matched(now, product="unknown", identity=Identity()) == []


def test_a_product_of_another_vendor_is_no_match_but_the_same_model_is(now: datetime) -> None:
    granted(now, label="product", model="other", product="Orchid Assistant", vendor="Tulip")
    assert matched(now) == []

    granted(now, label="model", vendor="Tulip")
    assert matched(now) == ["model"]


def test_a_target_with_a_claimed_fix_is_not_what_a_report_is_run_against(now: datetime) -> None:
    granted(now, role=TargetRole.PATCHED)

    assert matched(now) == []
    assert queries.mark_of_usable(now) == ""


def test_the_mark_changes_with_what_may_be_tested_and_with_nothing_else(now: datetime) -> None:
    target = granted(now - 2 * DAY, caps={"calls": 50})
    first = queries.mark_of_usable(now)
    services.spend(target_id=target.pk, calls=5, tokens=5)
    assert queries.mark_of_usable(now + DAY) == first

    granted(now, starts_at=now + DAY)
    assert queries.mark_of_usable(now) == first
    opened = queries.mark_of_usable(now + DAY)
    services.suspend(target=target, reason="pause", by=OPERATOR, now=now)
    services.resume(target=target, reason="on", by=OPERATOR, now=now)

    assert len({first, opened, queries.mark_of_usable(now), queries.mark_of_usable(now + DAY)}) == 4


def test_what_is_set_aside_cannot_be_spent_twice(now: datetime) -> None:
    target = granted(now, caps={"calls": 100})

    first = services.reserve(target_id=target.pk, least=43, most=60, now=now)
    second = services.reserve(target_id=target.pk, least=40, most=60, now=now)
    with pytest.raises(NotPermittedError):
        services.reserve(target_id=target.pk, least=1, most=1, now=now)

    assert (first.calls, second.calls) == (60, 40)
    services.settle(target_id=target.pk, reserved=first.calls, calls=5, tokens=50)
    services.settle(target_id=target.pk, reserved=second.calls, calls=40, tokens=1)
    target.refresh_from_db()
    assert (target.calls_used, target.calls_reserved, target.tokens_used) == (45, 0, 51)
    with pytest.raises(NotPermittedError, match="fewer than 56"):
        services.reserve(target_id=target.pk, least=56, most=99, now=now)


def test_nothing_is_set_aside_at_a_target_that_may_not_be_tested(now: datetime) -> None:
    target = granted(now)
    services.suspend(target=target, reason="pause", by=OPERATOR, now=now)

    for name in (target.pk, "tgt_none"):
        with pytest.raises(NotPermittedError, match="may not be tested"):
            services.reserve(target_id=name, least=1, most=1, now=now)


def test_with_the_calls_goes_their_share_of_tokens_and_money(now: datetime) -> None:
    target = granted(now, price=EURO, caps={"calls": 100, "tokens": 1000, "spending": Decimal(40)})

    first = services.reserve(target_id=target.pk, least=1, most=60, now=now)
    second = services.reserve(target_id=target.pk, least=1, most=60, now=now)

    assert [one.terms.caps.tokens for one in (first, second)] == [600, 400]
    assert first.terms.caps.spending == Decimal(24)
    target.refresh_from_db()
    assert (target.tokens_reserved, queries.grant_of(target).caps.tokens) == (1000, 0)
    services.settle(target_id=target.pk, reserved=60, calls=10, tokens=30)
    services.settle(target_id=target.pk, reserved=40, calls=0, tokens=0)
    target.refresh_from_db()
    assert (target.tokens_reserved, target.tokens_used, target.calls_reserved) == (0, 30, 0)
    assert queries.spent_money(target) == Decimal("2.5")


def test_a_target_whose_money_is_spent_may_not_be_tested(now: datetime) -> None:
    target = granted(now, price=EURO, caps={"spending": Decimal(1)})
    assert queries.usable(now).exists()

    services.spend(target_id=target.pk, calls=4, tokens=0)

    assert not queries.usable(now).exists()
    with pytest.raises(NotPermittedError):
        services.reserve(target_id=target.pk, least=1, most=1, now=now)


def test_a_target_with_weekly_hours_is_usable_in_them_only(now: datetime) -> None:
    hours = WeeklyHours(days=frozenset({now.weekday()}), opens=time(9), closes=time(9, 30), zone="Europe/Berlin")
    target = granted(now - 30 * DAY, hours=hours)
    inside = datetime.combine(now, time(8, 10), tzinfo=UTC)

    assert queries.grant_of(Target.objects.get(pk=target.pk)).hours == hours
    assert [queries.usable(at).exists() for at in (inside, inside + DAY, inside + DAY / 24)] == [True, False, False]
    assert queries.is_usable(target.pk, now=inside)
    assert not queries.is_usable(target.pk, now=inside + DAY / 24)
    assert queries.mark_of_usable(inside) != queries.mark_of_usable(inside + DAY)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hours": WeeklyHours(days=frozenset(), opens=time(), closes=time())}, "no day"),
        ({"hours": WeeklyHours(days=frozenset({7}), opens=time(), closes=time())}, "no day"),
        ({"hours": WeeklyHours(days=frozenset({0}), opens=time(), closes=time(), zone="Nowhere")}, "time zone"),
        ({"caps": {"spending": Decimal(5)}}, "needs a price"),
        ({"caps": {"spending": Decimal(5)}, "price": Price(currency="EUR")}, "needs a price"),
        ({"caps": {"spending": Decimal(0)}}, "out of range"),
        ({"caps": {"spending": Decimal("NaN")}}, "out of range"),
    ],
)
def test_hours_and_money_that_cannot_be_meant_are_refused(now: datetime, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(MalformedError, match=words):
        granted(now, **changes)


def test_what_a_long_run_holds_is_spent_little_by_little_and_given_back(now: datetime) -> None:
    target = granted(now, caps={"calls": 100, "tokens": 1000})

    held = services.hold(target_id=target.pk, holder="run", most=60, now=now)
    services.spend(target_id=target.pk, calls=10, tokens=70, holder="run")

    target.refresh_from_db()
    assert (held.caps.calls, held.caps.tokens) == (60, 600)
    assert (target.calls_used, target.calls_reserved) == (10, 50)
    assert (target.tokens_used, target.tokens_reserved) == (70, 530)
    with pytest.raises(NotPermittedError):
        services.reserve(target_id=target.pk, least=41, most=99, now=now)
    services.spend(target_id=target.pk, calls=55, tokens=10, holder="run")
    services.release(holder="run")
    services.release(holder="run")
    target.refresh_from_db()
    assert (target.calls_used, target.calls_reserved, target.tokens_reserved) == (65, 0, 0)


def test_who_holds_again_after_a_crash_gives_back_what_was_held_before(now: datetime) -> None:
    target = granted(now, caps={"calls": 100})

    services.hold(target_id=target.pk, holder="run", most=100, now=now)
    again = services.hold(target_id=target.pk, holder="run", most=100, now=now)

    assert again.caps.calls == 100
    assert target.holds.count() == 1
    with pytest.raises(NotPermittedError):
        services.hold(target_id=target.pk, holder="another", most=1, now=now)
