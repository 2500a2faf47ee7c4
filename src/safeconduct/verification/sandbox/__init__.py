# SPDX-License-Identifier: Apache-2.0
"""The box in which foreign code runs: bubblewrap, rlimits and a seccomp filter, checked before use, failing closed.

Not promised: the box does not bound the memory of all its processes together (that needs a control group), and it
shares the kernel with the host. Where that is too little, run the whole verifier in a virtual machine.
"""

from safeconduct.verification.sandbox.box import Box, BoxResult, Sandbox
from safeconduct.verification.sandbox.selfcheck import CheckResult, require_sound, self_check

__all__ = ["Box", "BoxResult", "CheckResult", "Sandbox", "require_sound", "self_check"]
