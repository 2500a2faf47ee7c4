# SPDX-License-Identifier: Apache-2.0
"""The journal of a campaign in the database, sealed under the key of its case.

One row a call: the plan is committed before the call is made, the trial when its answer was judged. After a crash, a
restart or a pause the run goes on from here, and no call that was planned is made again.

Where a judge took a reply for a success, the reply is kept with the call, and what a person says of it takes the place
of the judge's word when the journal is read again (`adjudications`).
"""

from collections.abc import Iterator
from dataclasses import replace

from django.db import IntegrityError

from safeconduct.domain.evidence import Trial, TrialOutcome
from safeconduct.domain.safe_json import Json, canonical_json, read_json
from safeconduct.errors import ConflictError
from safeconduct.server.audit import vault
from safeconduct.server.audit.writes import atomic_write
from safeconduct.server.campaigns.models import Adjudication, Campaign, JournalLine, Ruling
from safeconduct.server.campaigns.places import journal_place
from safeconduct.server.campaigns.replies import Replies
from safeconduct.verification.fields import Fields
from safeconduct.verification.journal import Entry, Plan, plan_facts, read_plan
from safeconduct.verification.observations import ADJUDICATE
from safeconduct.verification.stats.judge import adjudicated
from safeconduct.verification.trials import read_trials, write_trials


class SealedJournal:
    """The journal of one campaign (`verification.journal.Journal`)."""

    def __init__(self, campaign: Campaign, *, replies: Replies | None = None) -> None:
        """Fetch the key of the case once for all lines; `replies` has what the targets answered."""
        self._replies = replies
        self._campaign_id, self._key = campaign.pk, vault.key_of(campaign.claim.case_id)
        self._subject = campaign.claim.case_id

    def planned(self, plan: Plan) -> None:
        """Commit a call before it is made.

        Raises:
            ConflictError: another worker has planned this call, because the lease of this run was lost.
        """
        sealed = self._seal(plan.number, "plan", canonical_json(plan_facts(plan)))
        try:
            with atomic_write():
                JournalLine.objects.create(campaign_id=self._campaign_id, number=plan.number, sealed_plan=sealed)
        except IntegrityError as error:
            raise ConflictError("another worker goes on with this campaign") from error

    def done(self, trial: Trial) -> None:
        """Commit what came of a call."""
        # A line is a whole file of one trial to who reads it; its number is that of the line.
        sealed = self._seal(trial.number, "trial", write_trials((replace(trial, number=1),)))
        changes = {"sealed_trial": sealed}
        reply = self._replies.take(trial) if self._replies is not None else None
        if reply is not None and is_doubtful(trial):
            plain: dict[str, Json] = {"text": reply.text, "excerpt": reply.excerpt}
            changes["sealed_reply"] = self._seal(trial.number, "reply", canonical_json(plain))
        with atomic_write():
            JournalLine.objects.filter(campaign_id=self._campaign_id, number=trial.number).update(**changes)

    def replay(self) -> Iterator[Entry]:
        """Return the calls of earlier sittings in their order.

        Raises:
            MalformedError: a line cannot be read.
            SealError: a line was changed or moved.
        """
        rulings = dict(Adjudication.objects.filter(campaign_id=self._campaign_id).values_list("trial", "ruling"))
        for line in JournalLine.objects.filter(campaign_id=self._campaign_id).order_by("number"):
            content = read_json(self._open(line.number, "plan", bytes(line.sealed_plan)))
            plan = read_plan(Fields.of(content, at="line of the journal"))
            kept = bytes(line.sealed_trial)
            trial = self._trial(line.number, kept) if kept else None
            if trial is not None and line.number in rulings:
                trial = ruled(trial, Ruling(rulings[line.number]))
            yield Entry(plan=plan, trial=trial)

    def _trial(self, number: int, kept: bytes) -> Trial:
        (trial,) = read_trials(self._open(number, "trial", kept))
        return replace(trial, number=number)

    def _seal(self, number: int, column: str, content: bytes) -> bytes:
        return vault.seal_under(self._key, content, place=journal_place(self._campaign_id, number, column))

    def _open(self, number: int, column: str, sealed: bytes) -> bytes:
        place = journal_place(self._campaign_id, number, column)
        return vault.open_sealed(sealed, subject=self._subject, place=place)


def is_doubtful(trial: Trial) -> bool:
    """Tell whether a judge alone took the answer for a success, so that a person has to look."""
    return trial.outcome is TrialOutcome.HIT and trial.detail.endswith(ADJUDICATE)


def ruled(trial: Trial, ruling: Ruling) -> Trial:
    """Return a trial as a person judged it; where nobody can tell, it is a third outcome that helps neither claim."""
    confirmed = {Ruling.HIT: True, Ruling.MISS: False, Ruling.UNCLEAR: None}[ruling]
    said = trial.detail.removesuffix(ADJUDICATE) + f"adjudicated: {ruling.value}"
    return replace(trial, outcome=adjudicated(trial.outcome, confirmed=confirmed), detail=said)
