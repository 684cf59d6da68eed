"""Refusals of the catalogue beside those of the shelf itself."""

from appliance.errors import ApplianceError


class DefaultModelKept(ApplianceError):
    """The default model cannot be taken off the shelf."""

    code = "catalogue.default-model"
    zh = "{model_id} 是默认模型,不能移除。"
    en = "{model_id} is the default model and cannot be removed."
    way_out_zh = "请先在设置 model.default 中换成别的模型。"
    way_out_en = "First set model.default to another model."


class ModelInUse(ApplianceError):
    """A model that something of the box needs cannot be taken off the shelf."""

    code = "catalogue.model-in-use"
    zh = "模型 {model_id} 不能移除:{reason_zh}。"
    en = "The model {model_id} cannot be removed: {reason_en}."
    way_out_zh = "请先撤下该服务或适配器;更新包带来的模型由更新管理(wardbox update)。"
    way_out_en = (
        "Withdraw that name or adapter first; what a bundle brought is kept by `wardbox update`."
    )
