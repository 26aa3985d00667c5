"""What child processes see of the caller's environment."""

import os
from collections.abc import Mapping

_KEPT = frozenset({"PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH"})
_KEPT_FAMILIES = ("LC_", "PYTHON")


def with_settings(settings: Mapping[str, str]) -> dict[str, str]:
    """The environment of a child with these settings and no others: what the caller exported, a DATABASE_URL say, is not for it."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith(_KEPT_FAMILIES)}
    return {**kept, **settings}
