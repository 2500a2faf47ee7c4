# SPDX-License-Identifier: Apache-2.0
"""The upload handler: files of a form are sealed chunk by chunk while they arrive, and no plaintext reaches a disk.

Use `sealing_uploads` before anything reads `request.POST`. The data key is made for the request; the act that receives
the report keeps it (`audit.vault.keep_key`). When the request breaks off or is refused, what arrived is removed.
"""

from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import HttpRequest

from safeconduct.crypto.sealing import DataKey
from safeconduct.errors import TooLargeError, UnavailableError
from safeconduct.server.intake import storage
from safeconduct.server.intake.storage import SealedFile, StoredFile

MAX_FILES = 20
NAME_LIMIT = 200
MEDIA_TYPE_LIMIT = 120
BUNDLE_FIELD = "bundle"


class SealedUpload(UploadedFile):  # type: ignore[type-arg]  # generic in the stubs only
    """An uploaded file of which only the sealed form exists."""

    def __init__(self, stored: StoredFile) -> None:
        """Describe the stored file; there is no stream to read."""
        super().__init__(file=None, name=stored.name, content_type=stored.media_type, size=stored.size)
        self.stored = stored


class SealingHandler(FileUploadHandler):
    """Receives the files of one request."""

    chunk_size = 64 * 1024

    def __init__(self, request: HttpRequest, *, key: DataKey, limit: int) -> None:
        """Begin without files."""
        super().__init__(request)
        self.key = key
        self.refusal: TooLargeError | UnavailableError | None = None
        self.stored: list[StoredFile] = []
        self._limit = limit
        self._file: SealedFile | None = None

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Begin a file; the browser's claims about it are cut to a sane length."""
        super().new_file(*args, **kwargs)
        self._refuse_if(len(self.stored) >= MAX_FILES, f"a report may have {MAX_FILES} files at most")
        try:
            self._file = SealedFile(
                key=self.key,
                name=(self.file_name or "unnamed")[-NAME_LIMIT:],
                media_type=(self.content_type or "application/octet-stream")[:MEDIA_TYPE_LIMIT],
                limit=self._limit,
                is_bundle=self.field_name == BUNDLE_FIELD,
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
        file, self._file = self._file, None
        if file is None:
            return None
        if file_size == 0:
            file.discard()
            return None
        try:
            stored = file.finish()
        except UnavailableError as error:
            self._file = file
            self._stop(error)
            return None
        self.stored.append(stored)
        return SealedUpload(stored)

    def upload_interrupted(self) -> None:
        """Remove everything that arrived."""
        self.discard()

    def discard(self) -> None:
        """Remove what arrived, because the request is refused."""
        if self._file is not None:
            self._file.discard()
            self._file = None
        for stored in self.stored:
            storage.remove(stored.blob)
        self.stored.clear()

    def _refuse_if(self, condition: bool, message: str) -> None:  # noqa: FBT001  # the condition is the subject
        if condition:
            self._stop(TooLargeError(message, hint="put them into one archive"))

    def _stop(self, error: TooLargeError | UnavailableError) -> None:
        self.refusal = error
        self.discard()
        # Reading on to the end lets the browser show our page instead of a broken connection.
        raise StopUpload(connection_reset=False) from error


def sealing_uploads(request: HttpRequest, *, key: DataKey, limit: int) -> SealingHandler:
    """Make this request's files go through a sealing handler, and return it."""
    handler = SealingHandler(request, key=key, limit=limit)
    request.upload_handlers = [handler]
    return handler
