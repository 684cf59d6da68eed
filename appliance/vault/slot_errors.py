"""Refusals about the slots of a vault: unknown, unfit, or the last that a person holds."""

from appliance.errors import ApplianceError


class SlotUnknown(ApplianceError):
    """A slot that is not there, or not the only one."""

    code = "vault.slot-unknown"
    zh = "没有开启方式 {slot},或不止一个。"
    en = "There is no slot {slot}, or more than one."
    way_out_zh = "请用 wardbox vault slots list 查看编号。"
    way_out_en = "wardbox vault slots list shows their ids."


class SlotUnfit(ApplianceError):
    """A slot that cannot be made, or not be used like this."""

    code = "vault.slot-unfit"
    zh = "这个开启方式不可行:{reason_zh}。"
    en = "This slot cannot be: {reason_en}."
    way_out_zh = "请按 docs/operate/vault.md 的说明填写。"
    way_out_en = "See docs/operate/vault.md for what each kind needs."


class SlotsPersonless(ApplianceError):
    """The last slot that a person holds must stay."""

    code = "vault.slots-personless"
    zh = "不能移除最后一个由人掌握的开启方式(口令、恢复密钥或份额)。"
    en = "The last slot that a person holds (passphrase, recovery key or shares) cannot be removed."
    way_out_zh = "请先添加另一个:wardbox vault slots add recovery。"
    way_out_en = "Add another one first: wardbox vault slots add recovery."
