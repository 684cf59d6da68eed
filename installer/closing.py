"""The closing page: the secrets, once, and what to try next."""

from pathlib import Path

from installer.answers import Answers
from installer.newborn import Newborn
from installer.places import Site

RULE = "─" * 78


def secrets_page(newborn: Newborn) -> str:
    """The once-only secrets of a new box, for the screen or for `secrets_file`."""
    return (
        f"{RULE}\n"
        "只显示一次,请立即抄录并分开保管 SHOWN ONCE: write these down now, keep them apart\n\n"
        f"  管理员 administrator       {newborn.administrator}\n"
        f"  密码 password              {newborn.password}\n"
        f"  保险库口令 vault passphrase {newborn.passphrase}\n"
        f"  恢复密钥 recovery key       {newborn.recovery_key}\n"
        f"{RULE}\n"
    )


def next_page(site: Site, answers: Answers, health: str | None) -> str:
    """What to try next on this box."""
    prefix = "" if _is_default(site.state) else f"WARDBOX_STATE={site.state} "
    state = {"ok": "正常 ok", "locked": "保险库已锁 vault locked", None: "未启动 not running"}
    locked = (
        f"\n  先解锁 unlock first:  {prefix}./wardbox vault unlock\n" if health == "locked" else ""
    )
    return f"""
WardBox {state.get(health, health)} · https://localhost:{answers.port} · {site.state}
{locked}
接下来可以试试 Try next:

  打开控制台 open the console
      {prefix}./wardbox console
  起草一份白内障入院记录 draft a cataract admission note
      {prefix}./wardbox draft admission-note --facts docs/examples/cataract.json
  给一个本地应用发放密钥,让它起草病历 give a local application a key, let it draft
      KEY=$({prefix}./wardbox key create emr --scope chat --scope specialists)
      curl --cacert {site.state}/trust/ca.pem https://localhost:{answers.port}/api/v1/specialists/admission-note \\
           -H "Authorization: Bearer $KEY" -H "Content-Type: application/json" \\
           -d "{{\\"facts\\": $(cat docs/examples/cataract.json)}}"
  导出审计记录,并在任何电脑上验证 export the audit log, verify it on any computer
      {prefix}./wardbox audit export --out /tmp/audit && python3 /tmp/audit/verify.py /tmp/audit
  评测模型 evaluate the model
      {prefix}./wardbox eval run --ability S9 --limit 50
"""


def _is_default(state: Path) -> bool:
    return state == Path("/var/lib/wardbox")
