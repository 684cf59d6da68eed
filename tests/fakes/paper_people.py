"""The people of the box of paper: sessions, one-time codes, and what is due at a first sign-in."""

from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from appliance.contract.access import SessionView
from appliance.contract.people import Me, RecoveryCodes, TotpBegun
from appliance.contract.signin import OidcBegun, SignInOffer
from tests.fakes.paper import API, NOON, Route, problem, refuse, say

PASSPHRASE = "correct horse battery"
CODE = "123456"
BROWSER_CODE = "abcd2345"
AT_PROVIDER = "https://idp.hospital.local/realms/staff/auth?response_type=code&state=" + "s" * 400
RECOVERY_CODES = ("aaaa-bbbb-cccc", "dddd-eeee-ffff")
SECRET_OF_TOTP = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
REFUSED = problem(401, "access.refused", "姓名或密码不对。", "Name or password is wrong.")


@dataclass
class PaperPeople:
    """One person; `due` is what is due before anything else, `totp` whether codes are on."""

    password: str = PASSPHRASE
    directory: bool = False
    provider: bool = False
    totp: bool = False
    due: list[str] = field(default_factory=list)

    def people_routes(self) -> list[Route]:
        me = f"{API}/users/me"
        return [
            ("POST", f"{API}/sessions", self._sign_in),
            ("GET", f"{API}/signin/offered", self._offered),
            ("POST", f"{API}/signin/directory", self._by_directory),
            ("POST", f"{API}/signin/oidc", self._begin_oidc),
            ("POST", f"{API}/signin/oidc/session", self._finish_oidc),
            ("GET", me, self._me),
            ("DELETE", f"{API}/sessions/current", self._sign_out),
            ("PUT", f"{me}/password", self._change),
            ("POST", f"{me}/totp", self._begin),
            ("POST", f"{me}/totp/confirm", self._confirm),
        ]

    async def _sign_in(self, request: web.Request) -> web.Response:
        return self._judge(await request.json())

    async def _by_directory(self, request: web.Request) -> web.Response:
        if not self.directory:
            off = ("未启用目录登录。", "Signing in by a directory is not set up.")
            return refuse(problem(422, "signin.off", *off))
        return self._judge(await request.json())

    async def _offered(self, _: web.Request) -> web.Response:
        return say(SignInOffer(directory=self.directory, oidc=self.provider))

    async def _begin_oidc(self, _: web.Request) -> web.Response:
        return say(OidcBegun(url=AT_PROVIDER, ticket="the-ticket", expires=NOON))

    async def _finish_oidc(self, request: web.Request) -> web.Response:
        if await request.json() != {"ticket": "the-ticket", "code": BROWSER_CODE}:
            over = ("此次登录不存在、已过期或已用过。", "This sign-in is over.")
            return refuse(problem(401, "signin.ticket-refused", *over))
        return self._judge({"password": self.password})

    async def _me(self, _: web.Request) -> web.Response:
        return say(Me(actor="user:wang.fang", role="clinician", scopes=()))

    def _judge(self, told: dict[str, Any]) -> web.Response:
        if told["password"] != self.password:
            return refuse(REFUSED)
        if self.totp and not told.get("totp"):
            needed = ("还需要动态口令。", "A one-time code is needed too.")
            return refuse(problem(401, "access.totp-needed", *needed))
        if self.totp and told["totp"] not in {CODE, *RECOVERY_CODES}:
            return refuse(REFUSED)
        must = self.due[0] if self.due else None
        scopes = () if must else ("specialists",)
        return say(SessionView(token="t", expires=NOON, role="clinician", scopes=scopes, must=must))

    async def _sign_out(self, _: web.Request) -> web.Response:
        return web.Response(status=204)

    async def _change(self, request: web.Request) -> web.Response:
        new = (await request.json())["new"]
        if len(new) < 10:
            return refuse(problem(422, "access.weak-password", "密码太短。", "It is too short."))
        self.password = new
        self.due.remove("password")
        return web.Response(status=204)

    async def _begin(self, _: web.Request) -> web.Response:
        uri = f"otpauth://totp/WardBox:x?secret={SECRET_OF_TOTP}&issuer=WardBox"
        return say(TotpBegun(uri=uri, secret=SECRET_OF_TOTP))

    async def _confirm(self, request: web.Request) -> web.Response:
        if (await request.json())["code"] != CODE:
            return refuse(problem(422, "access.totp-wrong", "动态口令不对。", "The code is wrong."))
        self.totp = True
        self.due.remove("totp")
        return say(RecoveryCodes(codes=RECOVERY_CODES))
