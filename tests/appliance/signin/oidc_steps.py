"""The steps of a sign-in at a provider, and the addresses that tests give it."""

import asyncio
from urllib.parse import parse_qs, urlsplit

CALLBACK = "https://box.hospital.cn:8443/api/v1/signin/oidc/callback"
APP = "https://his.hospital.cn/wardbox"


def state_of(begun):
    return parse_qs(urlsplit(begun.url).query)["state"][0]


async def whole(desk, liar):
    begun = await desk.begin("10.0.0.1")
    back = await desk.come_back(state_of(begun), liar.visit(begun.url))
    return await asyncio.to_thread(desk.finish, begun.ticket, back.code)
