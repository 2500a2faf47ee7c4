# SPDX-License-Identifier: Apache-2.0
"""Reading Inspect's logs: `.eval` archives sample by sample, and the same log as one JSON document.

Log version 2, as inspect_ai 0.3 writes it. A row is one epoch of one sample under one scorer, its cluster the sample.
Not judged are samples without a score, with an unscored one, that ran into a limit or were invalidated; a sample that
has an error is an error. Reductions are means over epochs and never rows. The log's totals are held against its
samples. A log that was not finished (no `header.json`) is read as far as it goes, from `_journal/start.json`.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO, Final, NoReturn

from safeconduct.domain.bundle import Check, Pattern
from safeconduct.domain.evidence import TrialOutcome
from safeconduct.domain.safe_json import Json, JsonLimits, read_object, shown
from safeconduct.errors import IncompleteError, MalformedError
from safeconduct.formats.base import Level
from safeconduct.formats.evidence.reader import DOCUMENT, document_of, dropped, sha256_of
from safeconduct.formats.evidence.run import HitWhen, Prompt, Provenance, ReadOptions, Row, RowSink, Run
from safeconduct.formats.evidence.tally import Tally
from safeconduct.formats.evidence.values import (
    Table,
    inside,
    instant_of,
    list_of,
    name_of,
    plain,
    table_of,
    text_of,
    whole_of,
)
from safeconduct.formats.inspect.archive import MEMBER_LIMIT, LogArchive
from safeconduct.formats.inspect.scores import judgments_of, outcome_of

HEADER: Final = "header.json"
START: Final = "_journal/start.json"
VERSION: Final = 2
HIT_WHEN: Final = "safeconduct_hit_when"
"""Where a task that we wrote says what its "correct" means: a name in the metadata of the task."""
SAMPLING: Final = ("temperature", "top_p", "top_k", "max_tokens", "seed")
ATTACHMENT: Final = "attachment://"
_MEMBER: Final = JsonLimits(document_bytes=MEMBER_LIMIT, depth=256)
_DOCUMENT: Final = JsonLimits(document_bytes=DOCUMENT.document_bytes, depth=256)
_LOST: Final = {
    **dropped("/samples/output", "/samples/messages", "/samples/events", why="outputs may be harmful; keep the file"),
    **dropped("/reductions", "/results/scores/metrics", why="means and errors are computed anew from the rows"),
    **dropped("/stats", "/plan", "/eval/config", why="how the run was made, not what was found"),
}


def read_log(stream: BinaryIO, *, options: ReadOptions, sink: RowSink | None = None) -> Run:
    """Return the facts of a run from its log; see `Reader`."""
    sha256 = sha256_of(stream)
    is_archive = stream.read(4) == b"PK\x03\x04"
    stream.seek(0)
    if not is_archive:
        return _Log(_document(stream), sha256=sha256, options=options, sink=sink).read_whole()
    archive = LogArchive(stream)
    name = HEADER if HEADER in archive.members else START
    header = read_object(archive.read(name), limits=_MEMBER, nan_is_null=True)
    return _Log(header, sha256=sha256, options=options, sink=sink).read_archive(archive)


def _document(stream: BinaryIO) -> dict[str, Json]:
    data = document_of(stream, hint="write the log as .eval")
    return read_object(data, limits=_DOCUMENT, nan_is_null=True)


class _Log:
    """One log being read: its header is known from the start."""

    def __init__(self, header: Table, *, sha256: str, options: ReadOptions, sink: RowSink | None) -> None:
        self.header = header
        self.eval = table_of(header.get("eval"))
        if not self.eval or "version" not in header:
            _refuse("the document is no Inspect log: it has no version or no eval")
        self.options = options
        self.hit_when = self._hit_when(options)
        version = plain(inside(header, "eval", "packages", "inspect_ai"))
        self.tally = Tally(Provenance(tool="inspect", version=version, sha256=sha256), sink=sink)
        self.samples: set[tuple[str, int]] = set()
        self.errors = 0

    def _hit_when(self, options: ReadOptions) -> HitWhen:
        told = plain(inside(self.eval, "metadata", HIT_WHEN))
        if options.hit_when is not None:
            return options.hit_when
        if told in set(HitWhen):
            return HitWhen(told)
        raise IncompleteError(
            "an Inspect log does not tell whether a correct answer means that the attack succeeded",
            hint="say --hit-when correct or --hit-when incorrect",
            missing=["hit_when"],
        )

    def read_whole(self) -> Run:
        """Read the samples of a log that is one document."""
        for number, sample in enumerate(list_of(self.header.get("samples"))):
            self._take(table_of(sample), at=f"/samples/{number}")
        return self._run("JSON log")

    def read_archive(self, archive: LogArchive) -> Run:
        """Read the samples of an archive one by one."""
        for name in archive.members:
            if name.startswith("samples/"):
                sample = read_object(archive.read(name), limits=_MEMBER, nan_is_null=True)
                if name != f"samples/{sample.get('id')}_epoch_{sample.get('epoch')}.json":
                    _refuse(f"the member {shown(name)} holds another sample than its name says")
                self._take(sample, at=name)
        return self._run("log")

    def _take(self, sample: Table, *, at: str) -> None:
        """Count one epoch of one sample."""
        name, epoch = name_of(sample.get("id")), whole_of(sample, "epoch")
        if not name or epoch is None:
            _refuse(f"{shown(at)}: a sample has an id and an epoch")
        if (name, epoch) in self.samples:
            _refuse(f"the sample {shown(name)} stands twice with epoch {epoch}")
        self.samples.add((name, epoch))
        self.errors += bool(sample.get("error"))
        family = self._family(sample)
        scores = table_of(sample.get("scores")) or dict.fromkeys(self._scorers())
        prompt = prompt_of(sample)
        for scorer, score in scores.items():
            for judge, value in judgments_of(name_of(scorer), score):
                outcome = self._outcome(sample, value)
                is_hit = outcome is TrialOutcome.HIT
                self.tally.take(
                    Row(
                        family=family,
                        judge=judge,
                        cluster=name,
                        outcome=outcome,
                        foreign_id=f"{name} epoch {epoch}",
                        prompt=prompt if is_hit else None,
                        checks=self._checks(judge, sample) if is_hit else (),
                    )
                )

    def _family(self, sample: Table) -> str:
        """Return the task, or in a task that we wrote the family of the variant."""
        is_ours = inside(self.eval, "metadata", HIT_WHEN) is not None
        told = name_of(inside(table_of(sample.get("metadata")), "family")) if is_ours else ""
        return told or text_of(self.eval, "task") or "inspect"

    def _scorers(self) -> list[str]:
        """Return the judges of a sample that was not scored."""
        names = [text_of(table_of(scorer), "name") for scorer in list_of(self.eval.get("scorers"))]
        return list(dict.fromkeys(name for name in names if name)) or ["not scored"]

    def _outcome(self, sample: Table, value: Json) -> TrialOutcome:
        if sample.get("error"):
            return TrialOutcome.ERROR
        if sample.get("limit") or sample.get("invalidation") or self.header.get("invalidated") is True:
            return TrialOutcome.ABSTAIN
        return outcome_of(value, hit_when=self.hit_when, threshold=self.options.threshold)

    def _checks(self, judge: str, sample: Table) -> tuple[Check, ...]:
        """Return the exact test that Inspect's own scorer `includes` makes."""
        scorers = {text_of(table_of(item), "name"): table_of(item) for item in list_of(self.eval.get("scorers"))}
        targets = sample.get("target")
        if judge.rpartition("/")[2] != "includes" or self.hit_when is not HitWhen.CORRECT:
            return ()
        ignore = inside(scorers.get(judge), "options", "ignore_case") is not False
        texts = [item for item in (targets if isinstance(targets, list) else [targets]) if isinstance(item, str)]
        return tuple(
            Pattern(pattern=re.escape(text), ignore_case=ignore) for text in texts if text and "\0" not in text
        )

    def _judge_totals(self) -> None:
        """Hold the totals of the log against its samples, and say what state it is in."""
        status = text_of(self.header, "status") or "started"
        if status != "success":
            self.tally.note("status", f"the run ended as {shown(status)}: what it had tried until then is counted")
        if self.header.get("invalidated") is True:
            self.tally.note("invalidated", "the log was declared invalid: none of its samples is judged")
        if self.header.get("version") != VERSION:
            self.tally.note("version", f"the log has another version than {VERSION}; look at the counts")
        results = table_of(self.header.get("results"))
        self.tally.contradict("samples", told=results.get("total_samples"), counted=len(self.samples))
        completed = len(self.samples) - self.errors
        self.tally.contradict("completed samples", told=results.get("completed_samples"), counted=completed)
        told = {name_of(name) for name in list_of(inside(self.eval, "dataset", "sample_ids"))}
        missing = told - {name for name, _ in self.samples}
        if missing and self.samples:
            self.tally.note("dropped", f"{len(missing)} samples of the data set are not in the log", level=Level.ERROR)

    def _run(self, kind: str) -> Run:
        self._judge_totals()
        stats = table_of(self.header.get("stats"))
        model = text_of(self.eval, "model")
        asked = {**table_of(inside(self.header, "plan", "config")), **table_of(self.eval.get("model_generate_config"))}
        return Run(
            source=self.tally.source,
            kind=kind,
            run_id=text_of(self.eval, "run_id"),
            model=model,
            hosted=not model.startswith(
                ("hf/", "vllm/", "llama-cpp-python/", "ollama/", "mockllm/", "transformer_lens/")
            ),
            started_at=instant_of(stats.get("started_at")) or instant_of(self.eval.get("created")),
            ended_at=instant_of(stats.get("completed_at")),
            sampling={name: asked[name] for name in SAMPLING if name in asked},
            families=self.tally.families,
            prompts=self.tally.prompts,
            again=f"Run: inspect eval {text_of(self.eval, 'task')} --model {model}",
            lost=_LOST,
            remarks=self.tally.remarks(),
        )


def prompt_of(sample: Table) -> Prompt | None:
    """Return what a sample sent: a text, or messages of which the last is the user's."""
    given = sample.get("input")
    attachments = table_of(sample.get("attachments"))
    if isinstance(given, str):
        return Prompt(text=_resolved(given, attachments))
    said = [_message(table_of(item), attachments) for item in list_of(given)]
    if not said or any(text is None for _, text in said) or said[-1][0] != "user":
        return None
    turns = tuple((role, text or "") for role, text in said)
    return Prompt(text=turns[-1][1], frame=turns[:-1])


def _message(message: Table, attachments: Table) -> tuple[str, str | None]:
    """Return role and text of a message, None where it holds more than text."""
    content = message.get("content")
    parts: Iterator[Json] = (
        inside(table_of(part), "text") if inside(table_of(part), "type") == "text" else None
        for part in list_of(content)
    )
    texts = [content] if isinstance(content, str) else list(parts)
    if not texts or not all(isinstance(text, str) for text in texts):
        return text_of(message, "role"), None
    return text_of(message, "role"), "\n".join(_resolved(str(text), attachments) for text in texts)


def _resolved(text: str, attachments: Table) -> str:
    """Return the text, which Inspect may keep apart under its digest."""
    kept = attachments.get(text.removeprefix(ATTACHMENT)) if text.startswith(ATTACHMENT) else None
    return kept if isinstance(kept, str) else text


def _refuse(message: str) -> NoReturn:
    raise MalformedError(message, hint="give the log as Inspect wrote it")
