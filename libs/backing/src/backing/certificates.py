"""Throw-away certificates, made by the openssl command (3.0 or newer)."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


@dataclass(frozen=True)
class Certificate:
    """PEM files of a certificate, its key, and the authority that vouches for it."""

    certificate: Path
    key: Path
    authority: Path

    def grpc_settings(self) -> dict[str, str]:
        """The settings by which a process, the gateway too, takes part in TLS between services."""
        return {
            "GRPC_TLS_CERTIFICATE_FILE": str(self.certificate),
            "GRPC_TLS_KEY_FILE": str(self.key),
            "GRPC_TLS_CA_FILE": str(self.authority),
        }


class Authority:
    """Vouches for what is on this machine, for a day."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.certificate = directory / "ca.crt"
        self._key = directory / "ca.key"
        _openssl([*_KEY, "-subj", "/CN=Heyday for tests", "-keyout", str(self._key), "-out", str(self.certificate)])

    def issue(self, name: str, *, hosts: str = "DNS:localhost,IP:127.0.0.1") -> Certificate:
        """A certificate for both ends of a connection; one of the same name is replaced, the key first."""
        made = Certificate(self._directory / f"{name}.crt", self._directory / f"{name}.key", self.certificate)
        signed = ["-CA", str(self.certificate), "-CAkey", str(self._key)]
        extensions = ["-addext", f"subjectAltName={hosts}", "-addext", "basicConstraints=critical,CA:FALSE"]
        _openssl([*_KEY, *signed, *extensions, "-subj", f"/CN={name}", "-keyout", str(made.key), "-out", str(made.certificate)])
        return made


def _openssl(arguments: list[str]) -> None:
    subprocess.run(["openssl", "req", "-x509", "-days", "1", *arguments], check=True, capture_output=True)
