"""`wardbox backup restore`: a box out of a backup, on a machine where none runs yet."""

import argparse
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.commands.conversation import tell
from appliance.commands.secrets_in import SecretSource, add_source, presented
from appliance.settings.layout import StateLayout, state_directory

if TYPE_CHECKING:
    from appliance.backup.places import Where
    from appliance.backup.recovering import Order, Restored
    from appliance.vault.offer import Offer

_WRONG_USAGE = 2
_TELL_EVERY_S = 2.0
_MOST = 1 << 16
_MOST_LISTED = 1 << 24


def add_restore(what: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `restore` to `wardbox backup`."""
    one = what.add_parser("restore", help="恢复到空的状态目录 into an empty state directory")
    one.add_argument(
        "--from",
        dest="place",
        required=True,
        metavar="PLACE",
        help="备份目录,或 用户@主机:端口/路径 a directory, or user@host:port/path",
    )
    one.add_argument("--snapshot", type=int, help="快照编号,默认最新 number; the newest by default")
    one.add_argument("--show", action="store_true", help="只列出快照 list the snapshots only")
    one.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="审计员保存的检查点 one that auditors kept"
    )
    one.add_argument(
        "--accept-loss",
        action="store_true",
        help="已知有更新的记录仍恢复 although a later state of the log is known",
    )
    one.add_argument("--host-key", type=Path, metavar="FILE", help="SFTP 服务器公钥 its public key")
    one.add_argument("--login-key", type=Path, metavar="FILE", help="SFTP 登录私钥 a private key")
    one.add_argument(
        "--destroyed",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="销毁证明,或旧设备的 keys/forgotten.jsonl;可重复 a certificate of destruction, or the old "
        "box's list; may be repeated",
    )
    add_source(one)
    one.add_argument("--threads", type=int, default=2, choices=range(1, 17), metavar="N")


def run_restore(args: argparse.Namespace) -> int:
    """Restore; secrets and a new passphrase come from the terminal or standard input, one a line.

    Returns:
        0 done, 1 refused, 2 no key was given.
    """
    from appliance.errors import ApplianceError  # noqa: PLC0415  # keeps --help light
    from secure_compute.errors import SecureComputeError  # noqa: PLC0415

    try:
        source = SecretSource(args.fd)
        offer = _offer(args, source)
        if offer is None:
            print("没有输入恢复密钥。 No recovery key was given.", file=sys.stderr)
            return _WRONG_USAGE
        return _restore(args, source, offer)
    except (ApplianceError, SecureComputeError) as error:
        tell(error.sentence, error.way_out, error.code)
        return 1
    except OSError as error:
        from appliance.commands.errors import FileUnusable  # noqa: PLC0415

        refusal = FileUnusable(path=error.filename or args.place, reason=error.strerror or error)
        tell(refusal.sentence, refusal.way_out, refusal.code)
        return 1


def _offer(args: argparse.Namespace, source: SecretSource) -> "Offer | None":
    from appliance.vault.offer import Offer  # noqa: PLC0415  # keeps --help light

    brought = presented(args, source, "恢复密钥(或 age 私钥) recovery key (or an age identity): ")
    if brought is None:
        return None
    file = None if brought.key_file is None else brought.key_file.encode()
    return Offer(brought.secret or "", tuple(brought.shares or ()), file)


def _restore(args: argparse.Namespace, source: SecretSource, offer: "Offer") -> int:
    from contextlib import closing  # noqa: PLC0415

    from appliance.backup.past import Kept  # noqa: PLC0415
    from appliance.backup.places import open_target  # noqa: PLC0415
    from appliance.backup.presented import opened_by  # noqa: PLC0415
    from appliance.backup.recovering import Order, Recovery  # noqa: PLC0415
    from appliance.vault.assembly import build_files  # noqa: PLC0415
    from appliance.vault.slots import judged  # noqa: PLC0415
    from secure_compute.passwords import generate_password  # noqa: PLC0415

    layout = StateLayout(state_directory(args.environ))
    with closing(open_target(_where(args))) as target:
        if args.show:
            seen = opened_by(target, offer, accept_loss=args.accept_loss)
            for one in seen.list.snapshots:
                moment = datetime.fromtimestamp(one.time, UTC).astimezone()
                print(f"#{one.number:<5} {moment:%Y-%m-%d %H:%M}  {one.size} B  {one.tree_size}")
            return 0
        chosen = source.ask_new("新口令,留空则生成 new passphrase (made when empty): ")
        known = Kept(
            None if args.checkpoint is None else args.checkpoint.read_bytes()[:_MOST],
            tuple(path.read_bytes()[:_MOST_LISTED] for path in args.destroyed),
        )
        order = Order(
            offer=offer,
            passphrase=judged(chosen) if chosen else generate_password(),
            number=args.snapshot,
            known=known,
            accept_loss=args.accept_loss,
            threads=args.threads,
        )
        recovery = Recovery(layout, lambda: build_files(layout), _Teller(), _now)
        _show(recovery.run(target, order), order, layout)
    return 0


def _where(args: argparse.Namespace) -> "Where":
    from appliance.backup.places import Where  # noqa: PLC0415  # keeps --help light

    if "@" not in args.place:
        place = str(Path(args.place).expanduser().absolute())
        return Where("restore", "directory", place)
    pin = "" if args.host_key is None else args.host_key.read_text(encoding="ascii").strip()
    login = b"" if args.login_key is None else args.login_key.read_bytes()[:_MOST]
    return Where("restore", "sftp", args.place, pin, login)


def _now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)


class _Teller:
    """Progress on standard error, now and then."""

    def __init__(self) -> None:
        self._told = time.monotonic()

    def __call__(self, phase: str, done: int, total: int) -> None:
        """Tell of bytes."""
        now = time.monotonic()
        if now - self._told >= _TELL_EVERY_S:
            self._told = now
            print(f"{phase}  {done}/{total} B", file=sys.stderr, flush=True)


def _show(made: "Restored", order: "Order", layout: StateLayout) -> None:
    print(f"已从快照 #{made.snapshot} 恢复到 {layout.root}")
    print(f"Restored snapshot #{made.snapshot} into {layout.root}")
    print(f"审计日志 audit log   {made.tree_size} 条 entries")
    if made.known > made.tree_size:
        lost = made.known - made.tree_size
        print(
            f"已知丢失 {lost} 条记录,已写入审计日志。 {lost} entries are known to be lost; "
            "that is on record."
        )
    if made.older_list:
        print(
            "最新的快照清单已损坏,依据的是较早的清单:其后的记录是否丢失无从得知。 The newest list of snapshots is "
            "damaged; this is by an older one, and what came after it is not known."
        )
    _show_erased(made)
    print(f"口令 passphrase      {order.passphrase}")
    kept = "原有纸质密钥仍有效 those on paper open it as before"
    print(f"恢复密钥 recovery    {made.recovery_key or kept}")
    print("只显示一次,请妥善保管;然后运行 ./install.sh 与 wardbox vault unlock。")
    print("Shown once: keep them safe. Then run ./install.sh and wardbox vault unlock.")
    print(
        "快照之后的用量与限额变更不在其中;请核对密钥限额。 Use and limits changed after the "
        "snapshot are not in it: check the limits of keys."
    )


def _show_erased(made: "Restored") -> None:
    if made.erased:
        print(
            f"快照之后销毁的 {made.erased} 个患者或数据集,首次解锁时将再次销毁。 {made.erased} patients or "
            "datasets that were erased after the snapshot are destroyed again when the vault first opens."
        )
    until = datetime.fromtimestamp(made.erased_until, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
    print(
        f"{until} 之后的销毁无从得知;如有,请用 --destroyed 给出证明重新恢复,或再次销毁。 What was erased after "
        f"{until} is not known: where anything was, restore again with --destroyed, or erase it again."
    )
