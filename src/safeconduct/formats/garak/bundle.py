# SPDX-License-Identifier: Apache-2.0
"""A run of garak as the draft of a reproduction bundle, as any evidence: one family per probe, exact detectors only."""

from safeconduct.domain.report import Report
from safeconduct.formats.evidence import run as evidence
from safeconduct.formats.evidence.bundle import SLOT_LIMIT, BundleDraft
from safeconduct.formats.evidence.bundle import bundle_of as draft_of
from safeconduct.formats.garak.detectors import checks_of
from safeconduct.formats.garak.draft import endpoint_of
from safeconduct.formats.garak.entries import options_of
from safeconduct.formats.garak.run import HitPrompt, Run

__all__ = ["SLOT_LIMIT", "BundleDraft", "bundle_of"]


def bundle_of(run: Run, report: Report) -> BundleDraft:
    """Return the draft of the bundle that belongs to the draft of the report."""
    return draft_of(_as_evidence(run), report)


def _as_evidence(run: Run) -> evidence.Run:
    return evidence.Run(
        source=evidence.Provenance(tool="garak", version=run.version, sha256=run.sha256),
        kind=run.kind.value,
        model=run.target_name,
        endpoint=endpoint_of(run),
        sampling=run.generator,
        prompts=tuple(_hit(run, prompt) for prompt in run.prompts),
    )


def _hit(run: Run, prompt: HitPrompt) -> evidence.HitPrompt:
    return evidence.HitPrompt(
        family=prompt.probe,
        judge=prompt.detector,
        prompt=evidence.Prompt(text=prompt.text, frame=prompt.frame),
        checks=checks_of(prompt.detector, prompt.triggers, options_of(run.detectors, prompt.detector)),
    )
