# SPDX-License-Identifier: Apache-2.0
"""The upload handler: files of a form are sealed chunk by chunk while they arrive, and no plaintext reaches a disk.

Enter `sealing` before anything reads `request.POST`. What arrived is removed at its end unless `keep` was called,
whether the request was refused, broke off or failed. A file that is refused does not end the reading: what the form
says before its files is still there, so put the files last.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import HttpRequest, UnreadablePostError
from django.http.multipartparser import MultiPartParserError

from safeconduct.crypto.sealing import DataKey
from safeconduct.errors import ConflictError, MalformedError, TooLargeError, UnavailableError
from safeconduct.server.intake import storage
from safeconduct.server.intake.storage import SealedFile, StoredFile

MAX_FILES = 20
NAME_LIMIT = 200
MEDIA_TYPE_LIMIT = 120
FILES_FIELD = "attachments"
BUNDLE_FIELD = "bundle"
FRAME_BYTES = 64 * 1024

Refusal = TooLargeError | UnavailableError | ConflictError | MalformedError


class SealedUpload(UploadedFile):  # type: ignore[type-arg]  # generic in the stubs only
    """An uploaded file of which only the sealed form exists."""

    def __init__(self, stored: StoredFile) -> None:
        """Describe the stored file; there is no stream to read."""
        super().__init__(file=None, name=stored.name, content_type=stored.media_type, size=stored.size)
        self.stored = stored


class SealingHandler(FileUploadHandler):
    """Receives the files of one request; `refusal` says why it took none."""

    chunk_size = 64 * 1024

    def __init__(self, request: HttpRequest, *, key: DataKey, limit: int) -> None:
        """Begin without files."""
        super().__init__(request)
        self.key = key
        self.refusal: Refusal | None = None
        self.stored: list[StoredFile] = []
        self._limit = limit
        self._file: SealedFile | None = None
        self._kept = False

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Begin a file; the browser's claims about it are cut to a sane length."""
        super().new_file(*args, **kwargs)
        is_bundle = self.field_name == BUNDLE_FIELD
        if len(self.stored) >= MAX_FILES:
            self._stop(TooLargeError(f"{MAX_FILES} files at most", hint="put them into one archive", limit=MAX_FILES))
        if is_bundle and any(stored.is_bundle for stored in self.stored):
            self._stop(ConflictError("a report has one reproduction bundle", hint="send the others as attachments"))
        try:
            self._file = SealedFile(
                key=self.key,
                name=(self.file_name or "unnamed")[-NAME_LIMIT:],
                media_type=(self.content_type or "application/octet-stream")[:MEDIA_TYPE_LIMIT],
                limit=self._limit,
                is_bundle=is_bundle,
            )
        except UnavailableError as error:
            self._stop(error)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:  # noqa: ARG002  # the base class's signature
        """Seal the chunk and hand nothing on."""
        if self._file is None:
            return
        try:
            self._file.write(raw_data)
        except (TooLargeError, UnavailableError) as error:
            self._stop(error)

    def file_complete(self, file_size: int) -> SealedUpload | None:
        """Make the file whole. An empty file field is no file."""
        if self._file is None:
            return None
        if file_size == 0:
            self._file.discard()
            self._file = None
            return None
        try:
            stored = self._file.finish()
        except UnavailableError as error:
            self._stop(error)
        self._file = None
        self.stored.append(stored)
        return SealedUpload(stored)

    def keep(self) -> None:
        """Let the files live on: a row names each of them now."""
        self._kept = True

    def end(self) -> None:
        """Remove what arrived, unless it is kept."""
        if self._file is not None:
            self._file.discard()
            self._file = None
        if not self._kept:
            for stored in self.stored:
                storage.remove(stored.blob)
            self.stored.clear()

    def upload_interrupted(self) -> None:
        """Refuse the request: its last file broke off."""
        self.refusal = MalformedError("a file did not arrive whole", hint="send it again")
        self.end()

    def _stop(self, error: Refusal) -> NoReturn:
        self.refusal = error
        self.end()
        # Reading on to the end lets the browser show our page instead of a broken connection.
        raise StopUpload(connection_reset=False) from error


@contextmanager
def sealing(request: HttpRequest, *, key: DataKey) -> Iterator[SealingHandler]:
    """Make this request's files go through a sealing handler, and remove what is not kept at the end.

    Raises:
        TooLargeError: the request announces more than all files may have, or its fields pass their limits.
        MalformedError: the request is not the form that it says it is, or breaks off.
    """
    limit = settings.SAFECONDUCT.upload_bytes
    handler = SealingHandler(request, key=key, limit=limit)
    request.upload_handlers = [handler]
    try:
        _require_sane_length(request, MAX_FILES * limit)
        yield handler
    except (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent) as error:
        raise TooLargeError("the form is larger than it may be", hint="send long texts as files") from error
    except (MultiPartParserError, UnreadablePostError) as error:
        raise MalformedError("the form did not arrive whole", hint="send it again") from error
    finally:
        handler.end()


def _require_sane_length(request: HttpRequest, limit: int) -> None:
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if announced.isdecimal() and int(announced) > limit + settings.SAFECONDUCT.request_bytes + FRAME_BYTES:
        raise TooLargeError("the request is larger than all files may be", hint="send fewer or smaller files")
