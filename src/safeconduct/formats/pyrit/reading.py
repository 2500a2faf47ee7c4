# SPDX-License-Identifier: Apache-2.0
"""Reading PyRIT's memory: the SQLite file, or its attack results as JSON.

Tables and columns as PyRIT 1.1 makes them; the schema moves, so every column is looked for before it is asked for, and
only id, conversation, objective and outcome must be there. A row is one attack, its cluster the objective. Undetermined
is not judged and never a failed attack. What was sent is read for hits only.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import BinaryIO, Final, NoReturn

from safeconduct.domain.evidence import TrialOutcome
from safeconduct.domain.safe_json import Json, read_json
from safeconduct.errors import MalformedError, TooLargeError
from safeconduct.formats.evidence.draft import endpoint_of
from safeconduct.formats.evidence.reader import DOCUMENT, document_of, dropped, sha256_of
from safeconduct.formats.evidence.run import Prompt, Provenance, ReadOptions, Row, RowSink, Run
from safeconduct.formats.evidence.tally import FAMILY_LIMIT, PROMPT_LIMIT, Tally
from safeconduct.formats.evidence.values import digest_of, instant_of, list_of, name_of, plain, table_of, text_of
from safeconduct.formats.pyrit.memory import MAGIC, Memory, opened
from safeconduct.formats.pyrit.results import Result, checks_of, contradicts, outcome_of

NEEDED: Final = ("id", "conversation_id", "objective", "outcome")
OPTIONAL: Final = ("atomic_attack_identifier", "attack_identifier", "timestamp", "pyrit_version", "last_score_id")
SCORED: Final = frozenset({"id", "score_value", "score_type"})
SENT: Final = frozenset({"conversation_id", "role", "sequence", "converted_value"})
TURN_LIMIT: Final = 64
_LOST: Final = {
    **dropped("/AttackResultEntries/last_response_id", "/PromptMemoryEntries", why="outputs may be harmful; keep it"),
    **dropped("/ScoreEntries/score_rationale", "/ScenarioResultEntries", why="reasons of a judge are not counted"),
    **dropped("/EmbeddingData", "/SeedPromptEntries", why="not results"),
}


def read_memory(stream: BinaryIO, *, options: ReadOptions, sink: RowSink | None = None) -> Run:
    """Return the facts of a run from PyRIT's memory or its JSON; see `Reader`. There are no options."""
    del options
    sha256 = sha256_of(stream)
    is_file = stream.read(len(MAGIC)) == MAGIC
    stream.seek(0)
    if not is_file:
        return _Collector(sha256=sha256, sink=sink, prompts={}).run(_exported(stream), kind="JSON export")
    with opened(stream) as memory:
        ask, sent = _asking(memory), memory.columns("PromptMemoryEntries") >= SENT
        memory.seal()
        wanted = (result for result in ask() if outcome_of(result) is TrialOutcome.HIT)
        hits = {result.conversation for result in islice(wanted, PROMPT_LIMIT)} if sent else set()
        prompts = _sent(memory, hits)
        return _Collector(sha256=sha256, sink=sink, prompts=prompts).run(ask(), kind="memory")


def _asking(memory: Memory) -> Callable[[], Iterator[Result]]:
    """Return how to go through all results, after a look at the columns.

    Raises:
        MalformedError: a column is missing that the results cannot be told without.
    """
    columns = memory.columns("AttackResultEntries")
    missing = [name for name in NEEDED if name not in columns]
    if missing:
        _refuse(f"the memory has no attack results: {', '.join(missing)} missing in AttackResultEntries")
    known = [name for name in (*NEEDED, *OPTIONAL) if name in columns]
    scores = memory.columns("ScoreEntries")
    joined = "last_score_id" in columns and scores >= SCORED
    asked = [f"r.{name}" for name in known]
    if joined:
        asked += ["s.score_value", "s.score_type", *(["s.status"] if "status" in scores else [])]
    tables = "AttackResultEntries AS r" + (" LEFT JOIN ScoreEntries AS s ON s.id = r.last_score_id" if joined else "")
    sentence = f"SELECT {', '.join(asked)} FROM {tables}"  # noqa: S608  # of our own words only
    names = [name.partition(".")[2] for name in asked]
    return lambda: (_from_table(dict(zip(names, row, strict=True))) for row in memory.rows(sentence))


def _from_table(row: dict[str, object]) -> Result:
    texts = {name: value if isinstance(value, str) else "" for name, value in row.items()}
    return Result(
        id=texts["id"],
        conversation=texts["conversation_id"],
        objective=texts["objective"],
        outcome=texts["outcome"],
        identifier=_parsed(texts.get("atomic_attack_identifier") or texts.get("attack_identifier") or "null"),
        time=texts.get("timestamp", ""),
        version=plain(texts.get("pyrit_version", "")),
        score=texts.get("score_value", ""),
        score_type=texts.get("score_type", ""),
        score_status=texts.get("status", ""),
    )


def _parsed(text: str) -> Json:
    """Return an identifier, or nothing where it is no JSON: it describes and is not counted."""
    try:
        return read_json(text.encode())
    except (MalformedError, TooLargeError, UnicodeEncodeError):
        return None


def _sent(memory: Memory, wanted: set[str]) -> dict[str, Prompt]:
    """Return what was sent in the wanted conversations."""
    if not wanted:
        return {}
    turns: dict[str, list[tuple[int, str, str]]] = {}
    sentence = "SELECT conversation_id, role, sequence, converted_value FROM PromptMemoryEntries"
    for conversation, role, sequence, text in memory.rows(sentence):
        known = turns.setdefault(str(conversation), []) if conversation in wanted else []
        if isinstance(sequence, int) and len(known) <= TURN_LIMIT:
            known.append((sequence, str(role), text if isinstance(text, str) else ""))
    made = {name: _prompt(sorted(said)) for name, said in turns.items()}
    return {name: prompt for name, prompt in made.items() if prompt is not None}


def _prompt(said: list[tuple[int, str, str]]) -> Prompt | None:
    """Return the turns up to the last one of the user."""
    users = [place for place, (_, role, _) in enumerate(said) if role == "user"]
    if not users or len(said) > TURN_LIMIT:
        return None
    frame = tuple((role, text) for _, role, text in said[: users[-1]])
    return Prompt(text=said[users[-1]][2], frame=frame)


def _exported(stream: BinaryIO) -> Iterator[Result]:
    value = read_json(document_of(stream, hint="give the memory itself"), limits=DOCUMENT)
    results = list_of(table_of(value).get("attack_results")) or list_of(value)
    if not results:
        _refuse("the document holds no attack results")
    for number, item in enumerate(results):
        result = table_of(item)
        if not {"conversation_id", "objective", "outcome"} <= result.keys():
            _refuse(f"/{number}: an attack result has conversation_id, objective and outcome")
        score = table_of(result.get("last_score"))
        identifier = result.get("atomic_attack_identifier") or result.get("attack_identifier")
        yield Result(
            id=text_of(result, "attack_result_id") or text_of(result, "id"),
            conversation=text_of(result, "conversation_id"),
            objective=str(result["objective"]),
            outcome=text_of(result, "outcome"),
            identifier=identifier,
            time=result.get("timestamp"),
            version=text_of(table_of(identifier), "pyrit_version"),
            score=text_of(score, "score_value"),
            score_type=text_of(score, "score_type"),
            score_status=text_of(score, "status"),
        )


class _Collector:
    """Counts the results and keeps what a run is."""

    def __init__(self, *, sha256: str, sink: RowSink | None, prompts: dict[str, Prompt]) -> None:
        self.sha256 = sha256
        self.sink = sink
        self.prompts = prompts
        self.targets: dict[tuple[str, str], None] = {}
        self.times: list[str] = []

    def run(self, results: Iterator[Result], *, kind: str) -> Run:
        """Return the run after all results."""
        tally = Tally(Provenance(tool="pyrit", version="", sha256=self.sha256), sink=self.sink)
        for result in results:
            if result.version and not tally.source.version:
                tally.source = Provenance(tool="pyrit", version=result.version, sha256=self.sha256)
            self._take(tally, result)
        if len(self.targets) > 1:
            tally.note("targets", f"{len(self.targets)} targets were attacked; the first is named")
        model, endpoint = next(iter(self.targets), ("", ""))
        return Run(
            source=tally.source,
            kind=kind,
            model=model,
            endpoint=endpoint,
            hosted=bool(endpoint),
            started_at=instant_of(min(self.times, default="")),
            ended_at=instant_of(max(self.times, default="")),
            families=tally.families,
            prompts=tally.prompts,
            again="Run the attacks again with the same objectives",
            lost=_LOST,
            remarks=tally.remarks(),
        )

    def _take(self, tally: Tally, result: Result) -> None:
        if not result.id or not result.objective:
            _refuse("an attack result has an id and an objective")
        if contradicts(result):
            tally.note("contradiction", "an outcome and its last score differ: it is not judged")
        outcome = outcome_of(result)
        is_hit = outcome is TrialOutcome.HIT
        time = plain(result.time)
        if instant_of(time) is not None:
            self.times = [min([*self.times, time]), max([*self.times, time])]
        name = text_of(result.target, "model_name") or text_of(result.target, "class_name")
        if name and len(self.targets) < FAMILY_LIMIT:
            self.targets[name, endpoint_of(result.target.get("endpoint"))] = None
        verbatim = Prompt(text=result.objective) if result.is_verbatim else None
        tally.take(
            Row(
                family=result.attack_name,
                judge=text_of(result.scorer, "class_name") or "not told",
                cluster=digest_of(result.attack_name, result.objective),
                outcome=outcome,
                foreign_id=name_of(result.id),
                prompt=self.prompts.get(result.conversation, verbatim) if is_hit else None,
                checks=checks_of(result) if is_hit else (),
            )
        )


def _refuse(message: str) -> NoReturn:
    raise MalformedError(message, hint="give PyRIT's memory, or its attack results as JSON")
