# SPDX-License-Identifier: Apache-2.0
"""Links of a rendered page, moved to where the page lies as a file.

Pages are our own templates, so an attribute is always `name="value"`, and what people wrote cannot look like one: their
quotation marks are escaped.
"""

import posixpath
import re
from collections.abc import Mapping
from html import escape, unescape
from urllib.parse import quote, urljoin, urlsplit

LINK = re.compile(r'(?<=\s)(href|src|action)="([^"]*)"')
FORM = re.compile(r"<form\b(?![^>]*\saction=)")


def relinked(page: str, *, address: str, names: Mapping[str, str], base: str) -> str:
    """Return the page with relative links to written files; other links and all forms lead to the service at `base`.

    `names` maps each address that is written, with its query, to the name of its file.
    """
    service = base.rstrip("/")
    folder = posixpath.dirname(names[address])

    def moved(link: str) -> str:
        target = urljoin(f"{service}{address}", link)
        whole, _, fragment = target.partition("#")
        if link.startswith("#") or not _is_ours(whole, service):
            return link
        name = names.get(whole.removeprefix(service))
        if name is None:
            return target
        relative = quote(posixpath.relpath(name, start=folder or "."))
        return f"{relative}#{fragment}" if fragment else relative

    def attribute(match: re.Match[str]) -> str:
        link = unescape(match[2])
        target = urljoin(f"{service}{address}", link) if match[1] == "action" else moved(link)
        return f'{match[1]}="{escape(target)}"'

    return LINK.sub(attribute, FORM.sub('<form action=""', page))


def _is_ours(target: str, service: str) -> bool:
    found, ours = urlsplit(target), urlsplit(service)
    return (found.scheme, found.netloc) == (ours.scheme, ours.netloc)
