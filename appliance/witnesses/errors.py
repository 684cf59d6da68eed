"""Refusals of the witnesses: names, keys, what a stick brings, and a second key that cannot sign."""

from appliance.errors import ApplianceError


class WitnessError(ApplianceError):
    """A refusal by the room of the witnesses; the log is as it was."""

    code = "witness"
    zh = "见证操作被拒绝。"
    en = "The witnesses refused this."
    way_out_zh = "请查看 docs/operate/audit.md。"
    way_out_en = "See docs/operate/audit.md."


class WitnessUnknown(WitnessError):
    """No witness has this name."""

    code = "witness.unknown"
    zh = "没有名为 {name} 的见证方。"
    en = "There is no witness called {name}."
    way_out_zh = "wardbox audit witness list 列出见证方。"
    way_out_en = "wardbox audit witness list shows them."


class WitnessExists(WitnessError):
    """The name or the key is taken."""

    code = "witness.exists"
    zh = "见证方 {name} 或它的公钥已登记。"
    en = "The witness {name}, or its key, is registered already."
    way_out_zh = "请换一个名称,或先移除原有的见证方。"
    way_out_en = "Choose another name, or remove the other one first."


class WitnessKeyRefused(WitnessError):
    """What was given is no key of a witness."""

    code = "witness.key-refused"
    zh = "这不是可用的见证公钥:{reason_zh}。"
    en = "This is no key of a witness: {reason_en}."
    way_out_zh = "请在见证主机上运行 witness.py show,完整复制它给出的一行。"
    way_out_en = "Run witness.py show on the witness's machine and copy the whole line."


class CosignatureRefused(WitnessError):
    """A cosigned checkpoint that is not this log's, or that nobody known signed."""

    code = "witness.cosignature-refused"
    zh = "{name} 不能接受:{reason_zh}。"
    en = "{name} is not accepted: {reason_en}."
    way_out_zh = "请核对 U 盘与见证方;本机的记录没有变化。"
    way_out_en = "Check the stick and the witness; nothing was changed here."


class RecordRewritten(WitnessError):
    """A witness saw a log under this name and key that is not the one that the box has now."""

    code = "witness.record-rewritten"
    zh = "{name} 见证过 {size} 条记录的日志,与本机现有的日志不符:日志被回退或分叉。"
    en = "{name} shows that {size} entries were witnessed which are not those of this log: it was "
    en += "rolled back or forked."
    way_out_zh = "请保留 U 盘与本机的磁盘,通知审计员;不要继续使用这份日志作证。"
    way_out_en = "Keep the stick and this machine's disks as they are, and tell the auditor."


class NothingToOffer(WitnessError):
    """Nobody is registered who could cosign."""

    code = "witness.nothing-to-offer"
    zh = "还没有登记见证方,没有可供见证的内容。"
    en = "No witness is registered, so there is nobody to offer anything to."
    way_out_zh = "请先运行 wardbox audit witness add 名称 公钥。"
    way_out_en = "Register one first: wardbox audit witness add NAME VKEY."
