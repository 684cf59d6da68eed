"""Replacing and destroying keys, dialog by dialog: what cannot be undone is asked for twice."""

import re
from dataclasses import dataclass, replace
from typing import Final

from appliance.client.problem import ProblemError
from appliance.client.session import Session
from appliance.contract.people import ApprovalView, ApprovalWish
from appliance.contract.vault_keys import Erasure, KeyRotated, KeyRow
from tui.certificate import CertificateFile
from tui.dialogs.datasets import DatasetsDialog
from tui.dialogs.erase import CertificateDialog, Doom, EraseDialog, TypedDialog
from tui.dialogs.question import QuestionDialog
from tui.entrance import AskPerson
from tui.inert import inert
from tui.line import Fault
from tui.stick import FileUnusable

NEEDED: Final = "access.approval-needed"
_MENDABLE: Final = (
    "vault.subject",
    "file.in-use",
    "access.approval",
    "access.person",
    "request.field",
)
_COMMAND: Final = re.compile(r"approval request ([a-z.-]{1,64}) ([^\s`]{1,64})`")
ROOT: Final = (
    "更换根密钥?各开启方式照旧可用,服务不受影响,数毫秒完成。\n"
    "Replace the root key? Every slot opens it as before, nobody is disturbed; it takes milliseconds."
)
USE: Final = {
    "now": "更换 {name}?其下的密钥立即重新封装,服务不受影响。\n"
    "Replace {name}? The keys under it are wrapped anew at once; nobody is disturbed.",
    "opening": "更换 {name}?下次解锁时重写数据库:每 GB 约 15 秒,并需同样大小的空闲空间。\n"
    "Replace {name}? The database is written anew at the next unlock: about 15 s a GB, and as much free space.",
}


@dataclass(frozen=True, slots=True)
class Destroyed:
    """What is gone, where the certificate lies and its digest; or the request that two people need."""

    subject: str = ""
    path: str = ""
    digest: str = ""
    asked: str = ""


@dataclass(frozen=True, slots=True)
class KeyVisit:
    """One person at the keys of one vault.

    Args:
        box: the session to ask with.
        ask: puts dialogs in front of the person.
    """

    box: Session
    ask: AskPerson

    async def rotate(self, key: KeyRow | None) -> KeyRotated | None:
        """Replace a key, or the root key for None; None when the person left.

        Raises:
            ProblemError, BoxUnreachable: the box refused.
        """
        name = "" if key is None else inert(key.use, 64)
        words = ROOT if key is None else USE[key.replaced].format(name=name)
        if not await self.ask(QuestionDialog(words, "更换 Replace")):
            return None
        return await self.box.slots.keys.rotate(None if key is None else key.use)

    async def erase(self) -> Destroyed | None:
        """Destroy something for good; None when the person left on the way.

        Raises:
            ProblemError, BoxUnreachable: the box refused what no other entry mends.
        """
        doom, said = Doom(), ""
        while True:
            wanted = await self.ask(EraseDialog(doom, said))
            if wanted is None:
                return None
            doom = wanted
            if doom.kind == "dataset" and not doom.subject.strip():
                chosen = await self.ask(DatasetsDialog(await self.box.slots.keys.datasets()))
                doom, said = replace(doom, subject=chosen or ""), ""
                continue
            try:
                return await self._erase(doom)
            except FileUnusable as error:
                said = inert(error, 300)
            except ProblemError as error:
                asked = await self._two_people(error)
                if asked is not None:
                    return Destroyed(asked=asked.id)
                if not error.code.startswith(_MENDABLE):
                    raise
                fault = Fault.of(error)
                said = f"{fault.sentence} {fault.way_out}"

    async def _erase(self, doom: Doom) -> Destroyed | None:
        name = doom.subject
        if doom.kind == "box":
            name = (await self.box.info()).id
        # Before the last question: a person who types the name has somewhere to keep the proof.
        async with CertificateFile(doom.path) as file:
            if await self.ask(TypedDialog(doom, name)) is None:
                return None
            wish = Erasure(
                kind=doom.kind, subject=name, confirm=name, approval=doom.approval or None
            )
            made = await self.box.slots.keys.erase(wish)
            try:
                await file.fill(made.certificate)
            except FileUnusable as error:
                _ = await self.ask(CertificateDialog(str(error), made.certificate))
        return Destroyed(name, doom.path, made.digest)

    async def _two_people(self, error: ProblemError) -> ApprovalView | None:
        """Offer to ask for the approval that a refusal names; None when it names none, or they left."""
        named = _COMMAND.search(error.way_out)
        if error.code != NEEDED or named is None:
            return None
        words = (
            "此操作须由两人决定。现在提出申请?另一位管理员批准后,凭编号再来销毁。\n"
            "Two people decide this. Ask now? Once another administrator approved, come again with its id."
        )
        if not await self.ask(QuestionDialog(words, "申请 Ask")):
            return None
        return await self.box.access.request(ApprovalWish(action=named[1], subject=named[2]))
