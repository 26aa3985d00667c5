#!/bin/sh
# Makes .venv from the hash-locked requirements, with the tree's own packages on its path. Repeatable; a changed lock is installed over it.
set -eu
cd "$(dirname "$0")/.."

python=${PYTHON:-python3.11}
command -v "$python" >/dev/null || { echo "Heyday needs Python 3.11: install it, or say where it is, as in 'make PYTHON=/path/to/python3.11'." >&2; exit 1; }
"$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "Heyday needs Python 3.11, and $python is another version." >&2; exit 1; }
"$python" -c 'import ensurepip, venv' 2>/dev/null || { echo "Heyday needs Python's venv module: install python3.11-venv (its name on Debian)." >&2; exit 1; }

[ -x .venv/bin/python ] || "$python" -m venv .venv
echo "Installing $(grep -c '==' requirements/dev.txt) locked packages into .venv; the first time this takes one to three minutes."
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/dev.txt
site_packages=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
for source in libs/*/src services/*/src loadtest tests; do echo "$PWD/$source"; done >"$site_packages/heyday.pth"
