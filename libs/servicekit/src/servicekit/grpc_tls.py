"""TLS in which both ends show a certificate that one authority vouches for; renewed files are taken up without a restart."""

import ssl
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import grpc
import structlog

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where a process finds its certificate, the key of it, and the authority that vouches for the other end; all PEM."""

    certificate: Path
    key: Path
    authority: Path


@dataclass(frozen=True, slots=True)
class _Contents:
    certificate: bytes
    key: bytes
    authority: bytes


class RenewedFiles:
    """What TlsFiles held when they last fitted together. Reads them at once: raises OSError or ssl.SSLError if they do not fit."""

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._stamps = _stamps(files)
        self._contents = _read(files)

    def renew(self) -> bool:
        """Whether the files hold something new, which is taken up. Ones that do not fit together are logged once and left."""
        stamps = _stamps(self._files)
        if stamps == self._stamps:
            return False
        self._stamps = stamps
        try:
            contents = _read(self._files)
        except OSError as error:  # ssl.SSLError is one
            _log.warning("grpc.tls_files_not_taken_up", error=type(error).__name__, certificate=str(self._files.certificate))
            return False
        changed, self._contents = contents != self._contents, contents
        return changed

    def server_credentials(self) -> grpc.ServerCredentials:
        """Credentials that look for renewed files at each new connection, and demand a certificate of the client."""
        return grpc.dynamic_ssl_server_credentials(
            self._configuration(),
            self._next_configuration,  # type: ignore[arg-type]  # None, for no change, is missing in the stubs
            require_client_authentication=True,
        )

    def channel_credentials(self) -> grpc.ChannelCredentials:
        """Credentials of this moment."""
        held = self._contents
        return grpc.ssl_channel_credentials(held.authority, held.key, held.certificate)

    def _configuration(self) -> grpc.ServerCertificateConfiguration:
        held = self._contents
        return grpc.ssl_server_certificate_configuration([(held.key, held.certificate)], held.authority)

    def _next_configuration(self) -> grpc.ServerCertificateConfiguration | None:
        return self._configuration() if self.renew() else None


def _read(files: TlsFiles) -> _Contents:
    # gRPC itself would take a key of another certificate, and then fail each handshake.
    ssl.create_default_context(cafile=files.authority).load_cert_chain(files.certificate, files.key)
    return _Contents(files.certificate.read_bytes(), files.key.read_bytes(), files.authority.read_bytes())


def _stamps(files: TlsFiles) -> list[tuple[int, int, int]]:
    stamps = []
    for path in (files.certificate, files.key, files.authority):
        with suppress(FileNotFoundError):
            stat = path.stat()
            stamps.append((stat.st_ino, stat.st_mtime_ns, stat.st_size))
    return stamps
