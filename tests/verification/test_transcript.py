# SPDX-License-Identifier: Apache-2.0
"""The chain over requests and answers: any change of it shows at the head, and hostile lines are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.errors import MalformedError, VerificationError
from safeconduct.verification.transcript import (
    START,
    Link,
    Transcript,
    head_of,
    read_links,
    require_whole,
    write_links,
)

SAID = st.lists(st.tuples(st.binary(max_size=8), st.binary(max_size=8), st.integers(0, 599)), max_size=6)


def transcript(said: list[tuple[bytes, bytes, int]]) -> Transcript:
    made = Transcript()
    for request, response, status in said:
        made.add(request=request, response=response, status=status)
    return made


@given(SAID)
def test_what_is_written_is_read_and_stands_under_its_head(said: list[tuple[bytes, bytes, int]]) -> None:
    made = transcript(said)

    links = read_links(write_links(made.links))

    assert links == tuple(made.links)
    assert head_of(links) == made.head
    require_whole(links, head=made.head)


@given(SAID.filter(bool), st.data())
def test_a_link_left_out_doubled_or_changed_is_noticed(
    said: list[tuple[bytes, bytes, int]], data: st.DataObject
) -> None:
    made = transcript(said)
    place = data.draw(st.integers(0, len(said) - 1))
    link = made.links[place]
    another = Link(request_sha256=link.response_sha256, response_sha256=link.request_sha256, status=link.status + 1)

    for forged in ([], [link, link], [another]):
        with pytest.raises(VerificationError):
            require_whole([*made.links[:place], *forged, *made.links[place + 1 :]], head=made.head)


def test_links_in_another_order_are_noticed() -> None:
    made = transcript([(b"a", b"b", 200), (b"c", b"d", 200)])

    with pytest.raises(VerificationError):
        require_whole(made.links[::-1], head=made.head)


def test_an_empty_transcript_has_the_head_of_the_start() -> None:
    assert Transcript().head == START == head_of([])


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b"{}",
        b'{"request": "00", "response": "00", "status": 200}',
        b'{"request": "%b", "response": "%b", "status": true}' % (b"0" * 64, b"0" * 64),
        b'{"request": "%b", "response": "%b", "status": 1000}' % (b"0" * 64, b"0" * 64),
        b'{"request": "%b", "response": 1, "status": 200}' % (b"0" * 64),
    ],
)
def test_a_line_that_is_no_link_is_refused(line: bytes) -> None:
    with pytest.raises(MalformedError):
        read_links(line + b"\n")
