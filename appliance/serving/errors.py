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


class ShareFull(ApplianceError):
    """A key has as many requests waiting for the engine as is its share of the queue."""

    code = "engine.share-full"
    zh = "此调用方已有 {waiting} 个请求在排队，达到其份额；其他调用方仍按轮次得到服务。"
    en = (
        "This caller has {waiting} requests waiting, its share of the queue; others have turns too."
    )
    way_out_zh = "请减少同时发出的请求，并按 Retry-After 稍后重试。"
    way_out_en = "Send fewer requests at once, and try again after the time in Retry-After."


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


class ModelFailed(ApplianceError):
    """The model could not be loaded a moment ago, and is not tried again yet."""

    code = "model.failed"
    zh = "模型 {model} 加载失败（第 {tries} 次）：{reason_zh}"
    en = "Model {model} could not be loaded (try {tries}): {reason_en}"
    way_out_zh = "{advice_zh} 到 Retry-After 所示时间后会再次尝试；wardbox model load 可立即重试。"
    way_out_en = (
        "{advice_en} It is tried again after Retry-After; wardbox model load tries at once."
    )


class ModelNoRoom(ApplianceError):
    """Other models and jobs hold the memory, and none of them may be put out."""

    code = "model.no-room"
    zh = "模型 {model} 还缺 {lacking}；现由以下占用：{holders}。"
    en = "Model {model} lacks {lacking}; it is held by {holders}."
    way_out_zh = (
        "请稍后重试；或用 wardbox model unload/unpin 让出模型，用 wardbox jobs cancel 停止任务。"
    )
    way_out_en = (
        "Try again later; or make room with wardbox model unload or unpin, or wardbox jobs cancel."
    )


class ModelNotLoaded(ApplianceError):
    """Nothing is loaded under this name."""

    code = "model.not-loaded"
    zh = "模型 {model} 没有加载。"
    en = "Model {model} is not loaded."
    way_out_zh = "wardbox model status 列出已加载的模型。"
    way_out_en = "wardbox model status lists what is loaded."


class LeaseRefused(ApplianceError):
    """More memory or cores were asked for than are left."""

    code = "lease.refused"
    zh = "资源不足，还缺 {what}；现由以下占用：{holders}。"
    en = "There is not enough left: {what} more are needed; held by {holders}."
    way_out_zh = "任务会在资源空出后自动开始；wardbox lease list 列出占用。"
    way_out_en = "A job starts by itself once there is room; wardbox lease list tells who holds it."


class LeaseOutsideWindow(ApplianceError):
    """The purpose has hours, and this is not one of them."""

    code = "lease.outside-window"
    zh = "{purpose} 只在 {window} 运行。"
    en = "{purpose} runs in {window} only."
    way_out_zh = "到时会自动开始；wardbox lease window 可更改时段。"
    way_out_en = "It starts by itself then; wardbox lease window changes the hours."


class WindowMalformed(ApplianceError):
    """Hours that are none."""

    code = "lease.window-malformed"
    zh = "时段 {window} 不合格式。"
    en = "The hours {window} are malformed."
    way_out_zh = "请写成 22:00-06:00 的形式。"
    way_out_en = "Write them like 22:00-06:00."


class DeploymentUnknown(ApplianceError):
    """No model is served under this name."""

    code = "deployment.unknown"
    zh = "没有名为 {name} 的服务。"
    en = "Nothing is deployed under the name {name}."
    way_out_zh = "GET /api/v1/deployments 列出全部服务名。"
    way_out_en = "GET /api/v1/deployments lists the served names."


class DeploymentRefused(ApplianceError):
    """A deployment that cannot be as it was asked for."""

    code = "deployment.refused"
    zh = "服务 {name} 不能这样设置：{reason_zh}。"
    en = "The deployment {name} cannot be: {reason_en}."
    way_out_zh = "请更正后重试；现有设置未改变。"
    way_out_en = "Correct it and try again; nothing was changed."


class DeploymentDrained(ApplianceError):
    """The served name takes no new requests."""

    code = "deployment.drained"
    zh = "服务 {name} 已停止接收新请求。"
    en = "The deployment {name} takes no new requests."
    way_out_zh = "请稍后重试，或由管理员恢复该服务。"
    way_out_en = "Try again later, or have the administrator bring it back."


class AdapterUnknown(ApplianceError):
    """There is no such adapter."""

    code = "adapter.unknown"
    zh = "没有适配器 {adapter}。"
    en = "There is no adapter {adapter}."
    way_out_zh = "wardbox adapter list 列出全部适配器。"
    way_out_en = "wardbox adapter list lists them."


class AdapterRefused(ApplianceError):
    """A file that is no adapter of this model, or a step out of order."""

    code = "adapter.refused"
    zh = "适配器 {adapter} 不可用：{reason_zh}。"
    en = "The adapter {adapter} cannot be used: {reason_en}."
    way_out_zh = "顺序为 登记、批准、加载、上线；文件须为对应基础模型的 GGUF LoRA。"
    way_out_en = (
        "The order is register, approve, load, promote; the file must be a GGUF LoRA of its base."
    )
