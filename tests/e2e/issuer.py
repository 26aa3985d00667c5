"""An issuer of tokens that lives as long as a test: it signs by RS256, and publishes its key."""

import hashlib
import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from time import time
from typing import Any

_BITS = 2048
_EXPONENT = 65537
_SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")  # RFC 8017, 9.2, note 1
_SMALL_PRIMES = [n for n in range(3, 1000, 2) if all(n % d for d in range(3, n, 2))]


class Issuer:
    """Signs in the name of `url`, for the audience "heyday"."""

    def __init__(self, url: str) -> None:
        self.url = url
        first, second = _prime(_BITS // 2), _prime(_BITS // 2)
        self._modulus = first * second
        self._secret = pow(_EXPONENT, -1, (first - 1) * (second - 1))

    def key_set(self) -> dict[str, Any]:
        size = _BITS // 8
        key = {"kty": "RSA", "kid": "of-the-day", "use": "sig", "alg": "RS256", "n": _base64(self._modulus.to_bytes(size)), "e": "AQAB"}
        return {"keys": [key]}

    def token(self, subject: str, *roles: str, seconds: float = 60) -> str:
        """A token that holds for so long."""
        claims = {"iss": self.url, "aud": "heyday", "sub": subject, "roles": roles, "exp": int(time() + seconds)}
        parts = [json.dumps(part).encode() for part in ({"alg": "RS256", "kid": "of-the-day"}, claims)]
        text = ".".join(map(_base64, parts))
        return f"{text}.{_base64(self._sign(text.encode()))}"

    def _sign(self, text: bytes) -> bytes:
        """RSASSA-PKCS1-v1_5."""
        size = _BITS // 8
        info = _SHA256_INFO + hashlib.sha256(text).digest()
        padded = b"\x00\x01" + b"\xff" * (size - len(info) - 3) + b"\x00" + info
        return pow(int.from_bytes(padded), self._secret, self._modulus).to_bytes(size)


@contextmanager
def issuing() -> Iterator[Issuer]:
    """An issuer that serves its keys at `url`."""

    class KeySet(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(issuer.key_set()).encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), KeySet) as server:
        issuer = Issuer(f"http://127.0.0.1:{server.server_port}/keys")
        Thread(target=server.serve_forever, daemon=True).start()
        yield issuer
        server.shutdown()


def _base64(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def _prime(bits: int) -> int:
    """A random prime, its two highest bits set so that the product of two has all its bits."""
    while True:
        candidate = secrets.randbits(bits) | 3 << (bits - 2) | 1
        fits = candidate % _EXPONENT != 1 and all(candidate % prime for prime in _SMALL_PRIMES)
        if fits and all(pow(secrets.randbelow(candidate - 2) + 1, candidate - 1, candidate) == 1 for _ in range(8)):
            return candidate
