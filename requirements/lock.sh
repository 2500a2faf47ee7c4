#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Compiles the hash-pinned lock files from pyproject.toml; no index address is written.
# Needs uv on the path: `python3 -m venv /tmp/lock && /tmp/lock/bin/pip install uv`.
set -eu
cd "$(dirname "$0")/.."
export UV_PYTHON_DOWNLOADS=never
lock() {
    out=$1
    shift
    uv pip compile "$@" --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-annotate --no-header --quiet --output-file "requirements/$out.txt"
}
lock run pyproject.toml --extra server --extra postgres --group build
lock dev pyproject.toml --extra server --extra postgres --group build --group dev
lock ray pyproject.toml --extra ray
lock demo requirements/demo.in --no-deps
