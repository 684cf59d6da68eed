"""Refusals of the catalogue beside those of the shelf itself."""

from appliance.errors import ApplianceError


class DefaultModelKept(ApplianceError):
    """The default model cannot be taken off the shelf."""

    code = "catalogue.default-model"
    zh = "{model_id} 是默认模型,不能移除。"
    en = "{model_id} is the default model and cannot be removed."
    way_out_zh = "请先在设置 model.default 中换成别的模型。"
    way_out_en = "First set model.default to another model."
