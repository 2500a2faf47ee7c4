# SPDX-License-Identifier: Apache-2.0
"""Reproduction bundles as files: reading, writing, identity and signature. Checks are in `bundle.checks`."""

from safeconduct.verification.bundle.store import (
    BundleFiles,
    bundle_files,
    bundle_of,
    open_bundle,
    open_unsealed,
    read_bundle,
    verify_signature,
    write_bundle,
    zip_bundle,
)

__all__ = [
    "BundleFiles",
    "bundle_files",
    "bundle_of",
    "open_bundle",
    "open_unsealed",
    "read_bundle",
    "verify_signature",
    "write_bundle",
    "zip_bundle",
]
