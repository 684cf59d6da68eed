"""Every refusal of the models package: a code, a sentence and a way out, in Chinese and English."""


class ModelsError(Exception):
    """A refusal by the models package.

    Subclasses fill the templates; `facts` given at the raise fill the placeholders.
    """

    code = "models"
    zh = ""
    en = ""
    way_out_zh = ""
    way_out_en = ""

    def __init__(self, **facts: object) -> None:
        self.facts = facts
        super().__init__(self.sentence)

    @property
    def sentence_zh(self) -> str:
        """The Chinese sentence alone."""
        return self.zh.format(**self.facts)

    @property
    def sentence_en(self) -> str:
        """The English sentence alone."""
        return self.en.format(**self.facts)

    @property
    def sentence(self) -> str:
        """Both sentences, Chinese first."""
        return f"{self.sentence_zh} {self.sentence_en}"

    @property
    def way_out(self) -> str:
        """What to do next, Chinese first."""
        return f"{self.way_out_zh.format(**self.facts)} {self.way_out_en.format(**self.facts)}"


class CardMalformed(ModelsError):
    """A model card that does not follow the schema."""

    code = "model.card-malformed"
    zh = "模型卡不合格式:{field}:{reason_zh}。"
    en = "The model card is malformed: {field}: {reason_en}."
    way_out_zh = "请按模型卡格式更正该字段。"
    way_out_en = "Correct that field as the card format says."


class ManifestMalformed(ModelsError):
    """A manifest that does not follow the schema."""

    code = "model.manifest-malformed"
    zh = "模型清单不合格式:{field}:{reason_zh}。"
    en = "The model manifest is malformed: {field}: {reason_en}."
    way_out_zh = "请重新取得模型包。"
    way_out_en = "Obtain the model package again."


class ManifestUntrusted(ModelsError):
    """A manifest signed by nobody this box trusts, or with a wrong signature."""

    code = "model.manifest-untrusted"
    zh = "模型清单的签名不可信:{reason_zh}。"
    en = "The signature of the model manifest is not trusted: {reason_en}."
    way_out_zh = "请核对供应商公钥,或重新取得模型包。"
    way_out_en = "Check the vendor's public key, or obtain the package again."


class ModelDamaged(ModelsError):
    """Bytes on the shelf that no longer match their manifest."""

    code = "model.damaged"
    zh = "模型 {model_id} 的文件与清单不符:{reason_zh}。"
    en = "The files of model {model_id} do not match its manifest: {reason_en}."
    way_out_zh = "请移除该模型并重新导入。"
    way_out_en = "Remove the model and import it again."


class ModelUnknown(ModelsError):
    """A model that is not on the shelf."""

    code = "model.unknown"
    zh = "货架上没有模型 {model_id}。"
    en = "There is no model {model_id} on the shelf."
    way_out_zh = "请用 wardbox model list 或 GET /v1/models 查看可用的模型。"
    way_out_en = "See which models there are with `wardbox model list` or GET /v1/models."


class ModelExists(ModelsError):
    """A model id that is already taken."""

    code = "model.exists"
    zh = "货架上已有名为 {model_id} 的模型。"
    en = "The shelf already holds a model {model_id}."
    way_out_zh = "请换一个标识,或先移除旧模型(wardbox model remove)。"
    way_out_en = "Choose another id, or remove the old one first (wardbox model remove)."


class CardMismatch(ModelsError):
    """A card that says something else than the file it describes."""

    code = "model.card-mismatch"
    zh = "模型卡与文件不符:{field} 写的是 {card},文件里是 {file}。"
    en = "The card does not match the file: {field} says {card}, the file says {file}."
    way_out_zh = "请更正模型卡或换用正确的文件。"
    way_out_en = "Correct the card or use the right file."


class SourceChanged(ModelsError):
    """A source file that changed while it was being copied."""

    code = "model.source-changed"
    zh = "复制过程中源文件 {name} 发生了变化。"
    en = "The source file {name} changed while it was copied."
    way_out_zh = "请等待写入结束后再导入。"
    way_out_en = "Import it again once nothing writes to it."


class ShelfFull(ModelsError):
    """No room for the model on the shelf's disk."""

    code = "model.disk-full"
    zh = "磁盘空间不足:需要 {needed} 字节,可用 {free} 字节。"
    en = "The disk is full: {needed} bytes needed, {free} bytes free."
    way_out_zh = "请移除不用的模型或扩容后重试;货架未被改动。"
    way_out_en = "Remove unused models or add space, then try again; the shelf is unchanged."


class NoAccelerator(ModelsError):
    """A model asked to run on an accelerator that is not there."""

    code = "engine.no-accelerator"
    zh = "要求使用加速卡,但本机没有可用的加速卡:{reason_zh}。"
    en = "An accelerator was asked for, but none is usable here: {reason_en}."
    way_out_zh = "请检查驱动和板卡,或明确选择 CPU 运行。"
    way_out_en = "Check the driver and the card, or choose the CPU explicitly."


class DoesNotFit(ModelsError):
    """A model that needs more memory than there is."""

    code = "engine.does-not-fit"
    zh = "内存不足:模型需要 {needed},可用 {free}。"
    en = "The model does not fit: it needs {needed}, {free} are free."
    way_out_zh = "请减小上下文或并发数、换用更小的量化,或卸载其他模型。"
    way_out_en = "Reduce context or slots, use a smaller quantisation, or unload another model."


class ContextTooLong(ModelsError):
    """A context that the model was not made for."""

    code = "engine.context-too-long"
    zh = "上下文 {wanted} 超过模型上限 {most}。"
    en = "A context of {wanted} exceeds the model's {most}."
    way_out_zh = "请把上下文设为不超过 {most}。"
    way_out_en = "Ask for a context of {most} at most."


class EngineMissing(ModelsError):
    """An engine program that is not installed."""

    code = "engine.missing"
    zh = "找不到推理引擎程序 {program}。"
    en = "The engine program {program} was not found."
    way_out_zh = "请重新运行 ./install.sh 构建引擎。"
    way_out_en = "Run ./install.sh again to build the engine."


class EngineUnable(ModelsError):
    """A request to an engine for something it cannot do."""

    code = "engine.unable"
    zh = "引擎 {engine} 不支持:{what}。"
    en = "The engine {engine} cannot do this: {what}."
    way_out_zh = "请换用支持该功能的引擎或模型。"
    way_out_en = "Use an engine or a model that can."


class EngineFailed(ModelsError):
    """An engine that did not come up, or died."""

    code = "engine.failed"
    zh = "推理引擎未能就绪:{reason_zh}。"
    en = "The engine is not ready: {reason_en}."
    way_out_zh = "请查看引擎日志;引擎会按退避时间自动重启。"
    way_out_en = "See the engine's log; it restarts by itself after a pause."


class EngineLoading(ModelsError):
    """An engine that is still loading its model."""

    code = "engine.loading"
    zh = "模型仍在加载({percent}%)。"
    en = "The model is still loading ({percent} %)."
    way_out_zh = "请在 {retry_after_s} 秒后重试。"
    way_out_en = "Try again in {retry_after_s} seconds."


class EngineDraining(ModelsError):
    """An engine that takes no new work."""

    code = "engine.draining"
    zh = "引擎正在停止,不再接受新请求。"
    en = "The engine is stopping and takes no new requests."
    way_out_zh = "请稍后重试。"
    way_out_en = "Try again a little later."


class FactsUnreadable(ModelsError):
    """Facts for a note that do not follow the schema."""

    code = "model.facts-unreadable"
    zh = "病历要素不合格式：{field}：{reason_zh}。"
    en = "The facts do not follow the schema: {field}: {reason_en}."
    way_out_zh = "请按病历要素的 JSON Schema 更正该字段。"
    way_out_en = "Correct that field as the JSON Schema of the facts says."


class FactsContradictory(ModelsError):
    """Facts that contradict each other: no note is drafted from them."""

    code = "model.facts-contradictory"
    zh = "病历要素互相矛盾：{conflicts_zh}"
    en = "The facts contradict each other: {conflicts_en}"
    way_out_zh = "请核对这些字段后重新提交。"
    way_out_en = "Check these fields and submit again."


class DepartmentUnknown(ModelsError):
    """A department for which there is no note language."""

    code = "model.department-unknown"
    zh = "没有科室 {department} 的病历语言。"
    en = "There is no note language for the department {department}."
    way_out_zh = "请选用列出的科室：{known}。"
    way_out_en = "Use one of the listed departments: {known}."


class ClusterAnswerUnreadable(ModelsError):
    """Ray said something that is no list of nodes."""

    code = "cluster.answer-unreadable"
    zh = "无法读懂集群的节点列表。"
    en = "The cluster's list of nodes cannot be read."
    way_out_zh = "请稍后重试;若一直如此,请重新建立集群环境。"
    way_out_en = "Try again a little later; if it stays so, make the cluster's environment anew."
