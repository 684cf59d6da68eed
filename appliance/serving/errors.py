"""What can go wrong between the gateway and an engine."""

from appliance.errors import ApplianceError


class EngineGone(ApplianceError):
    """The engine closed the connection before its answer was whole."""

    code = "engine.gone"
    zh = "模型引擎在回答过程中断开了（{reason}）。"
    en = "The engine broke off while answering ({reason})."
    way_out_zh = "引擎会自动重启；请稍后重试同一请求。"
    way_out_en = "The engine restarts by itself; send the same request again in a moment."


class EngineSilent(ApplianceError):
    """The engine kept its connection open but said nothing for too long."""

    code = "engine.silent"
    zh = "模型引擎 {seconds} 秒没有输出。"
    en = "The engine said nothing for {seconds} s."
    way_out_zh = "请缩短输入后重试；若反复出现，请管理员查看 wardbox status。"
    way_out_en = "Try a shorter prompt; if it happens again, have wardbox status looked at."


class EngineBusy(ApplianceError):
    """More requests wait for the engine than it may queue."""

    code = "engine.busy"
    zh = "模型引擎排队已满（{waiting} 个请求）。"
    en = "The engine's queue is full ({waiting} requests)."
    way_out_zh = "请按 Retry-After 稍后重试。"
    way_out_en = "Try again after the time in Retry-After."


class EngineRefused(ApplianceError):
    """The engine answered with a refusal of its own."""

    code = "engine.refused"
    zh = "模型引擎拒绝了请求：{reason}"
    en = "The engine refused the request: {reason}"
    way_out_zh = "请检查提示词长度与参数；模型卡写明了上下文长度。"
    way_out_en = "Check the prompt's length and the parameters; the model's card tells its context."


class EngineFaulty(ApplianceError):
    """The engine answered something that is not an answer."""

    code = "engine.faulty"
    zh = "模型引擎的应答无法识别（{reason}）。"
    en = "The engine's answer makes no sense ({reason})."
    way_out_zh = "请重试；若反复出现，请重新校验模型：wardbox model verify。"
    way_out_en = "Try again; if it happens again, verify the model."


class ModelLoading(ApplianceError):
    """The model is on its way into memory."""

    code = "model.loading"
    zh = "模型 {model} 正在加载（{percent}%）。"
    en = "Model {model} is loading ({percent} %)."
    way_out_zh = "请按 Retry-After 稍后重试。"
    way_out_en = "Try again after the time in Retry-After."


class ModelCannot(ApplianceError):
    """The model's engine has no such ability."""

    code = "model.cannot"
    zh = "模型 {model} 不支持 {ability}。"
    en = "Model {model} cannot do {ability}."
    way_out_zh = "请换用支持的模型；GET /v1/models 列出全部模型。"
    way_out_en = "Use a model that can; GET /v1/models lists them."
