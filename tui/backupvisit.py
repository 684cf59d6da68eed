"""Naming and forgetting backup targets, dialog by dialog; what restoring takes, in words."""

from dataclasses import dataclass
from itertools import islice
from typing import Final

from textual.content import Content

from appliance.client.problem import ProblemError
from appliance.client.session import Session
from appliance.contract.backup import BackupTargetView
from tui import theme
from tui.dialogs.backup import NewTargetDialog
from tui.dialogs.question import QuestionDialog
from tui.entrance import AskPerson
from tui.inert import inert
from tui.line import Fault

_SHOWN: Final = 8
_REFUSED: Final = ("backup.", "request.")


@dataclass(frozen=True, slots=True)
class BackupVisit:
    """One person at the backup targets of one box.

    Args:
        box: the session to ask with.
        ask: puts dialogs in front of the person.
    """

    box: Session
    ask: AskPerson

    async def add(self) -> str:
        """Name a target; its name, or nothing when the person left.

        Raises:
            ProblemError, BoxUnreachable: the box refused what no other entry mends.
        """
        wish, said = None, ""
        while True:
            # What was entered stays: it is corrected, not entered again.
            wish = await self.ask(NewTargetDialog(wish, said))
            if wish is None:
                return ""
            try:
                return (await self.box.backups.add(wish)).name
            except ProblemError as error:
                if not error.code.startswith(_REFUSED):
                    raise
                said = Fault.of(error).told.removeprefix("✖ ")

    async def forget(self, target: BackupTargetView) -> str:
        """Forget a target once that was confirmed; its name, or nothing when the person left."""
        question = (
            f"移除 {inert(target.name, 40)}?其上的备份保留。 Forget it? The backups there stay."
        )
        if not await self.ask(QuestionDialog(question, "移除 Forget")):
            return ""
        await self.box.backups.remove(target.name)
        return target.name


def restoring(target: BackupTargetView) -> Content:
    """How a box comes back from this target: what to have at hand, what to type, what is lost."""
    place = inert(target.place, 300)
    more = " --host-key nas.pub --login-key my_ssh_key" if target.kind == "sftp" else ""
    parts: list[str | tuple[str, str]] = [
        *_rehearsed(target),
        ("\n\n备好 Have at hand\n", "bold"),
        (
            "纸质恢复密钥;一台没有一体机的机器(或空的状态目录),软件已解包。\n"
            "The recovery key on paper; a machine where no box runs (or an empty state directory), the software unpacked."
        ),
        ("\n\n在那台机器上 On that machine\n", "bold"),
        (
            f"wardbox backup restore --from {place}{more} --show\n"
            f"wardbox backup restore --from {place}{more} [--snapshot N]\n"
            "./install.sh && wardbox vault unlock"
        ),
        ("\n\n之后 Afterwards\n", "bold"),
        (
            "快照之后撤销的密钥与人员、销毁的数据会一并恢复:再撤销、再销毁一次。更旧的快照须写明 --accept-loss。\n"
            "Keys and people revoked, and data erased, after the snapshot are there again: revoke and erase "
            "again. A snapshot that is not the latest needs --accept-loss."
        ),
    ]
    if target.snapshots:
        parts.append(("\n\n快照 Snapshots\n", "bold"))
        parts.append(
            "\n".join(
                f"#{one.number}  {one.time:%Y-%m-%d %H:%M} UTC  审计 log {one.tree_size:,}  {inert(one.version, 20)}"
                for one in islice(target.snapshots, _SHOWN)
            )
        )
    return Content.assemble(*parts)


def _rehearsed(target: BackupTargetView) -> list[str | tuple[str, str]]:
    drill = target.drilled
    if drill is None:
        return [
            (
                "? 从未演练:按 d 演练一次。 Never rehearsed: d rehearses a restore, on this very box.",
                theme.WARN,
            )
        ]
    if not drill.ok:
        return [(f"✖ 上次演练失败 the last drill failed: {inert(drill.sentence, 300)}", theme.BAD)]
    return [
        (
            f"✔ 上次演练 last drill {drill.time:%Y-%m-%d %H:%M} UTC: {inert(drill.sentence, 300)}",
            theme.GOOD,
        )
    ]
