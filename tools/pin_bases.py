"""Pin the bases of all images by digest: `python tools/pin_bases.py DOCKERFILE...`.

Each `ARG BUILD_IMAGE=name:tag` becomes `name:tag@sha256:...`, the digest being what the registry has under that tag today.
"""

import argparse
import re
import shlex
import subprocess
from pathlib import Path

ASK = "docker buildx imagetools inspect --format {{.Manifest.Digest}}"
_BASE = re.compile(r"^(ARG \w+_IMAGE=)([^\s@]+)(?:@\S+)?$", re.MULTILINE)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def digest(ask: str, image: str) -> str:
    """Raises SystemExit where the registry's answer is no digest."""
    asked = subprocess.run([*shlex.split(ask), image], capture_output=True, text=True, check=False)
    answer = asked.stdout.strip()
    if asked.returncode or not _DIGEST.fullmatch(answer):
        raise SystemExit(f"{image}: not a digest but {answer or asked.stderr.strip() or 'nothing'!r}. Nothing is changed.")
    return answer


def main() -> None:
    parser = argparse.ArgumentParser(description="Pin the bases of images by the digests they have in their registry.")
    parser.add_argument("--ask", default=ASK, help="command that is given name:tag and prints the digest, of all platforms together")
    parser.add_argument("dockerfile", nargs="+", type=Path)
    said = parser.parse_args()
    pinned = {path: _BASE.sub(lambda base: f"{base[1]}{base[2]}@{digest(said.ask, base[2])}", path.read_text()) for path in said.dockerfile}
    for path, recipe in pinned.items():
        path.write_text(recipe)


if __name__ == "__main__":
    main()
