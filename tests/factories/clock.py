# SPDX-License-Identifier: Apache-2.0
"""A clock that stands until a test lets time pass."""

from datetime import datetime, timedelta

from tests.conftest import NOON


class Clock:
    """What the pages take for the present."""

    def __init__(self) -> None:
        self.now = NOON + timedelta(minutes=41, seconds=7)

    def pass_by(self, **length: float) -> datetime:
        self.now += timedelta(**length)
        return self.now
