# SPDX-License-Identifier: Apache-2.0
"""The box in which foreign code runs: bubblewrap, rlimits and a seccomp filter, checked before use, failing closed.

Landlock is an extra layer where the kernel has it. Not promised: the box bounds the memory of all its processes
together only where control groups can be made (`cgroups`), and it shares the kernel with the host. Where that is too
little, run the whole verifier in a virtual machine.
"""

from safeconduct.verification.sandbox.box import Box, BoxResult, Sandbox
from safeconduct.verification.sandbox.selfcheck import CheckResult, require_sound, self_check, summary

__all__ = ["Box", "BoxResult", "CheckResult", "Sandbox", "require_sound", "self_check", "summary"]
