"""An identity provider that lies on command: discovery, keys and whatever ID token a test wants."""

import asyncio
import base64
import hashlib
import json
import threading
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

CLIENT = "wardbox"
ACCESS = "leave to ask for more"
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())


class LyingProvider:
    """Signs what it is told to; `claims`, `header`, `key` and `algorithm` may be bent by a test."""

    def __init__(self) -> None:
        self.rsa, self.ec = RSA, EC
        self.claims: dict[str, Any] = {}
        self.drop: set[str] = set()
        self.sign: Any = None
        self.discovery: dict[str, Any] = {}
        self.kids = ["r1", "e1"]
        self.asked_for_keys = 0
        self.challenges: dict[str, str] = {}
        self.nonces: dict[str, str] = {}
        self.redeemed: set[str] = set()
        self.forms: list[dict[str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.beside: dict[str, Any] | None = None
        self.port = 0
        self.now = 0.0

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def visit(self, url: str) -> str:
        """What a browser does: sign in, and come back with a code."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        code = f"code-{len(self.challenges)}"
        self.challenges[code] = query["code_challenge"]
        self.nonces[code] = query["nonce"]
        return code

    def keys(self) -> dict[str, Any]:
        r = json.loads(RSAAlgorithm.to_jwk(self.rsa.public_key())) | {"kid": self.kids[0]}
        e = json.loads(ECAlgorithm.to_jwk(self.ec.public_key())) | {"kid": self.kids[1]}
        return {"keys": [r, e, {"kty": "oct", "kid": "o1", "k": "c2VjcmV0"}]}

    def token(self, nonce: str) -> str:
        claims = {
            "iss": self.issuer, "sub": "subject-1", "aud": CLIENT, "iat": int(self.now),
            "exp": int(self.now) + 300, "nonce": nonce, "preferred_username": "li.wei",
            "groups": ["doctors"], **self.claims,
        }  # fmt: skip
        claims = {name: value for name, value in claims.items() if name not in self.drop}
        if self.sign is not None:
            return self.sign(claims)
        return jwt.encode(claims, self.rsa, "RS256", headers={"kid": self.kids[0]})

    async def _discover(self, _: web.Request) -> web.Response:
        told = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        }
        if self.beside is not None:
            told["userinfo_endpoint"] = f"{self.issuer}/userinfo"
        return web.json_response({**told, **self.discovery})

    async def _userinfo(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {ACCESS}":
            return web.json_response({"error": "invalid_token"}, status=401)
        return web.json_response(self.beside)

    async def _keys(self, _: web.Request) -> web.Response:
        self.asked_for_keys += 1
        return web.json_response(self.keys())

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.forms.append(form)
        self.headers.append(dict(request.headers))
        code = form["code"]
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        fits = base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == self.challenges.get(code)
        if not fits or code in self.redeemed:
            return web.json_response({"error": "invalid_grant"}, status=400)
        self.redeemed.add(code)
        told = {"id_token": self.token(self.nonces[code]), "access_token": ACCESS}
        return web.json_response(told)


@contextmanager
def lying_provider():
    """Run it on a loop and a thread of its own."""
    made = LyingProvider()
    ready, loop = threading.Event(), asyncio.new_event_loop()

    async def serve() -> web.AppRunner:
        app = web.Application()
        app.add_routes(
            [
                web.get("/.well-known/openid-configuration", made._discover),
                web.get("/keys", made._keys),
                web.post("/token", made._token),
                web.get("/userinfo", made._userinfo),
            ]
        )
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        made.port = site._server.sockets[0].getsockname()[1]
        return runner

    runners = []

    def run() -> None:
        asyncio.set_event_loop(loop)
        runners.append(loop.run_until_complete(serve()))
        ready.set()
        loop.run_forever()
        loop.run_until_complete(runners[0].cleanup())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(30)
    try:
        yield made
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
