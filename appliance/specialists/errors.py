"""Refusals of the specialists."""

from appliance.errors import ApplianceError


class DraftEmpty(ApplianceError):
    """A model that wrote nothing a note could be made of."""

    code = "specialist.draft-empty"
    zh = "模型没有写出内容,因此没有生成草稿。"
    en = "The model wrote nothing, so there is no draft."
    way_out_zh = "请重试;如反复出现,请用 `wardbox model list` 检查模型。"
    way_out_en = "Try again; if it keeps happening, check the model with `wardbox model list`."


class DraftCut(ApplianceError):
    """An engine that stopped in the middle of a draft."""

    code = "specialist.draft-cut"
    zh = "推理引擎在写作途中中断,草稿未完成,已丢弃。"
    en = "The engine broke off in the middle; the unfinished draft was dropped."
    way_out_zh = "请重试;引擎会自动重启。"
    way_out_en = "Try again; the engine restarts by itself."
