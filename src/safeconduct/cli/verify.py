# SPDX-License-Identifier: Apache-2.0
"""`safeconduct verify`: look at a bundle, test a claimed fix, check a certificate.

Exit codes of `run`, `resume`, `certificate` and `merge`: 0 FIXED, 1 NOT FIXED (or REGRESSED), 2 INCONCLUSIVE or paused,
3 HARNESS INVALID, 4 an error; wrong usage ends with 2 as well, and says so on standard error. What looks at bundles is
in `bundles`.
"""

import typer

from safeconduct.cli import bundles, verify_check, verify_run, verify_suite

app = typer.Typer(help="Look at a reproduction bundle, test a claimed fix, check a certificate.", no_args_is_help=True)
bundles.register(app)
verify_run.register(app)
verify_suite.register(app)
verify_check.register(app)
