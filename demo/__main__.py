# SPDX-License-Identifier: Apache-2.0
"""`python -m demo`: a whole disclosure on a real small model, told on the terminal; the portal is left to look at.

Exit codes: 0 the bad fix was refuted, the real one confirmed, and every check held; 1 the story went another way; 4 an
error, told on standard error. `DEMO_EXIT=1` ends at the end instead of leaving the portal up.
"""

import argparse
import os
import secrets
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import httpx

from demo import story
from demo.leak import Leak, random_secret
from demo.people import Coordinator, Vendor
from demo.portal import Portal
from demo.processes import USUAL_PORT
from demo.researcher import SEED_BITS
from demo.story import Outcome
from demo.tale import Tale
from demo.telling import Teller
from safeconduct.cli.output import ExitCode, complain
from safeconduct.errors import SafeconductError, UnavailableError

INTERRUPTED = 130


def main() -> None:
    """Tell the story and leave with its exit code."""
    options = _options().parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        sys.exit(_tell(options, Teller()))
    except SafeconductError as error:
        complain(error, as_json=False)
        sys.exit(ExitCode.ERROR)
    except httpx.HTTPError as error:
        gone = UnavailableError("the portal or the model does not answer any more", hint=str(error))
        complain(gone, as_json=False)
        sys.exit(ExitCode.ERROR)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m demo", description="A whole disclosure on a real small model.")
    parser.add_argument("--secret", default="", help="the password in the model's instructions; default: a fresh one")
    parser.add_argument("--seed", type=int, help="seed of the researcher's questions; default: a fresh one")
    parser.add_argument("--temperature", type=float, default=0.0, help="of the model; default: 0")
    parser.add_argument("--threads", type=int, help="of the model; default: as many processors as are idle")
    parser.add_argument("--port", type=int, default=USUAL_PORT, help="of the portal; another one if it is taken")
    parser.add_argument("--home", type=Path, help="new folder for the portal; kept. Default: a temporary one")
    return parser


def _tell(options: argparse.Namespace, teller: Teller) -> int:
    seed = secrets.randbits(SEED_BITS) if options.seed is None else options.seed
    with _folder(options.home) as folder:
        leak = Leak(
            folder,
            secret=options.secret or random_secret(),
            temperature=options.temperature,
            threads=options.threads or idle_processors(),
        )
        with (
            leak.process() as endpoint,
            Portal(folder / "home", port=options.port, log=folder / "portal.log") as portal,
        ):
            leak.reached(endpoint)
            with Coordinator(portal.base_url, "coordinator") as ada, Vendor(portal.base_url, "vendor") as grace:
                tale = Tale(
                    subject=leak,
                    portal=portal,
                    teller=teller,
                    folder=folder,
                    seed=seed,
                    coordinator=ada,
                    vendor=grace,
                )
                outcome = story.tell(tale)
                _end(tale, outcome)
                _leave_open(teller, os.environ)
    return ExitCode.YES if outcome.is_as_told else ExitCode.NO


def idle_processors() -> int:
    """Return how many threads the model may use: they spin, so more than the machine has idle makes it slower."""
    idle = (os.cpu_count() or 1) - os.getloadavg()[0]
    return max(1, min(4, round(idle)))


@contextmanager
def _folder(home: Path | None) -> Iterator[Path]:
    """Give a folder for everything; a temporary one is removed at the end."""
    if home is not None:
        home.mkdir(mode=0o700, parents=True)
        yield home.absolute()
        return
    folder = Path(tempfile.mkdtemp(prefix="safeconduct-demo-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _end(tale: Tale, outcome: Outcome) -> None:
    teller, base_url = tale.teller, tale.portal.base_url
    teller.chapter("Look around")
    ada, grace = tale.coordinator.sign_in, tale.vendor.sign_in
    public = (
        ("Public entry", f"{base_url}/register/{outcome.public_id}/"),
        ("CSAF", f"{base_url}/advisories/{outcome.public_id}/csaf.json"),
        ("Feed", f"{base_url}/advisories/feed.atom"),
    )
    teller.facts(
        (
            *(public if outcome.public_id else ()),
            ("Measures", f"{base_url}/measures/"),
            ("Log", f"{base_url}/log/checkpoint"),
            ("Case", f"{base_url}/cases/{tale.case_id}/"),
            ("Sign in", f"{base_url}/account/sign-in/"),
            ("as coordinator", f"{ada.handle}  {ada.password}"),
            ("as vendor", f"{grace.handle}  {grace.password}"),
        )
    )
    teller.say("These accounts were made for this demonstration and are good on this machine only.")
    if not outcome.is_as_told:
        teller.say(f"The story went another way: {', then '.join(outcome.verdicts)}, in {outcome.calls} calls.")


def _leave_open(teller: Teller, environ: Mapping[str, str]) -> None:
    if environ.get("DEMO_EXIT"):
        return
    teller.say("The portal stays up until Ctrl-C.")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        teller.say("Good-bye.")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
