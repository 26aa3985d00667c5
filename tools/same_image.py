"""Says where the files of two images differ: same_image.py ONE.tar OTHER.tar, as `docker save` writes them.

Fails if one does, or if the image is larger than an image should be.
"""

import hashlib
import json
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

MOST_MEGABYTES = 200


class Entry(NamedTuple):
    """A file as its layer has it."""

    kind: bytes
    mode: int
    owner: tuple[int, int]
    content: str
    size: int
    time: float


def entries(archive: Path) -> dict[str, Entry]:
    """Each file of an image, as the topmost layer that has it says."""
    with tarfile.open(archive) as image:
        (manifest,) = json.load(_read(image, "manifest.json"))
        return {name: entry for layer in manifest["Layers"] for name, entry in _of_layer(_read(image, layer))}


def _of_layer(layer: IO[bytes]) -> Iterator[tuple[str, Entry]]:
    with tarfile.open(fileobj=layer) as files:
        for each in files:
            content = hashlib.sha256(_read(files, each).read()).hexdigest() if each.isfile() else each.linkname
            yield each.name, Entry(each.type, each.mode, (each.uid, each.gid), content, each.size, each.mtime)


def _read(archive: tarfile.TarFile, member: str | tarfile.TarInfo) -> IO[bytes]:
    file = archive.extractfile(member)
    assert file is not None
    return file


def main() -> int:
    one, other = (entries(Path(argument)) for argument in sys.argv[1:])
    different = sorted(name for name in one.keys() | other.keys() if _but_for_time(one.get(name)) != _but_for_time(other.get(name)))
    for name in different:
        print(f"differs: {name}")
    # The builder dates the folders that it makes itself, and those files that the engine lays its own over, such as etc/hosts.
    later = [name for name in one.keys() - set(different) if one[name].time != other[name].time]
    megabytes = sum(entry.size for entry in one.values()) / 1e6
    print(f"{len(one)} files, {megabytes:.0f} MB where {MOST_MEGABYTES} may be")
    print(f"{len(different)} different; {len(later)} the same but for their time: {', '.join(sorted(later)[:10])}")
    return int(bool(different) or megabytes > MOST_MEGABYTES)


def _but_for_time(entry: Entry | None) -> Entry | None:
    return entry and entry._replace(time=0)


if __name__ == "__main__":
    sys.exit(main())
