"""Throw-away certificates, each good for a day."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key


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
    """Vouches for what is on this machine."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._ca = trustme.CA(organization_name="Heyday for tests")
        self.certificate = directory / "ca.crt"
        self._ca.cert_pem.write_to_path(self.certificate)

    def issue(self, name: str, *, hosts: tuple[str, ...] = ("localhost", "127.0.0.1")) -> Certificate:
        """A certificate for both ends of a connection; one of the same name is replaced, the key first."""
        made = Certificate(self._directory / f"{name}.crt", self._directory / f"{name}.key", self.certificate)
        issued = self._ca.issue_cert(*hosts, common_name=name, not_after=datetime.now(UTC) + timedelta(days=1))
        made.key.write_bytes(_as_pkcs8(issued.private_key_pem))
        (certificate,) = issued.cert_chain_pems
        certificate.write_to_path(made.certificate)
        return made


def _as_pkcs8(key: trustme.Blob) -> bytes:
    """The only form that Kafka reads."""
    return load_pem_private_key(key.bytes(), password=None).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
