"""An issuer of JWTs as a real HTTP server on loopback: discovery, JWKS, tokens, rotation."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, Key, KeySet, OKPKey, RSAKey

AUDIENCE = "https://callfold.example"
_ALGORITHMS = {"RSA": "RS256", "EC": "ES256", "OKP": "Ed25519"}


class JwtIssuer:
    """Signs with its newest key and publishes all that it has not withdrawn.

    Attributes:
        asked: How often its keys were asked for.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked = 0
        self.keys: list[Key] = []
        self.rotate()

    def rotate(self, kind: str = "EC", *, withdraw: bool = False) -> Key:
        """Sign with a new key from now on; the others stay published unless withdrawn."""
        made: Key
        match kind:
            case "RSA":
                made = RSAKey.generate_key(2048, auto_kid=True)
            case "OKP":
                made = OKPKey.generate_key("Ed25519", auto_kid=True)
            case _:
                made = ECKey.generate_key("P-256", auto_kid=True)
        self.keys = [made] if withdraw else [*self.keys, made]
        return made

    def claims(self, **changed: object) -> dict[str, Any]:
        """Of a token that is valid now; what is changed to None is left out."""
        now_s = int(time.time())
        usual = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "ann",
            "organization_id": "acme",
            "scope": "openid read",
            "iat": now_s,
            "exp": now_s + 300,
        }
        return {name: value for name, value in (usual | changed).items() if value is not None}

    def token(self, **changed: object) -> str:
        """A token of the newest key."""
        return self.signed(self.keys[-1], **changed)

    def signed(self, key: Key, /, **changed: object) -> str:
        """A token of any key."""
        algorithm = _ALGORITHMS[key.key_type]
        header = {"alg": algorithm, "kid": key.kid}
        return jwt.encode(header, self.claims(**changed), key, [algorithm])

    def document(self, path: str) -> object:
        """What it answers to a path; None for a 404."""
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        if path == "/keys":
            self.asked += 1
            return KeySet(self.keys).as_dict(private=False)
        return None


@contextmanager
def jwt_issuer(port: int = 0) -> Iterator[JwtIssuer]:
    """A running issuer; gone afterwards, so that nothing answers at its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            document = issuer.document(self.path)
            body = json.dumps(document).encode()
            self.send_response(404 if document is None else 200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    issuer = JwtIssuer(f"http://127.0.0.1:{server.server_port}")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
