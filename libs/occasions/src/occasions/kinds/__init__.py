"""One file per kind of occasion; the registry finds them, nothing lists them."""
