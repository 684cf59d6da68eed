"""Refusals about engines that a site declares, installs or lacks."""

from models.errors import ModelsError


class DeclarationRefused(ModelsError):
    """A declaration of an engine that does not follow the form."""

    code = "engine.declaration-refused"
    zh = "引擎声明不合要求:{field}:{reason_zh}。"
    en = "The declaration of the engine is refused: {field}: {reason_en}."
    way_out_zh = "请按 docs/operate/engines.md 更正该字段。"
    way_out_en = "Correct that field as docs/operate/engines.md says."


class EngineUndeclared(ModelsError):
    """An engine that was never declared."""

    code = "engine.undeclared"
    zh = "没有名为 {name} 的引擎声明。"
    en = "No engine {name} is declared."
    way_out_zh = "请用 wardbox engine list 查看。"
    way_out_en = "See wardbox engine list."


class EngineNotInstalled(ModelsError):
    """An engine that a model needs and that was not installed."""

    code = "engine.not-installed"
    zh = "模型需要引擎 {flavour}({why_zh}),但它尚未安装。"
    en = "The model needs the engine {flavour} ({why_en}), which is not installed."
    way_out_zh = "请运行 wardbox engine install {flavour},或换用 GGUF 格式的模型。"
    way_out_en = "Run wardbox engine install {flavour}, or use the model as GGUF."


class SecretMissing(ModelsError):
    """The secret of a declared engine is not where the declaration says."""

    code = "engine.secret-missing"
    zh = "引擎 {name} 的密钥不可用:{reason_zh}。"
    en = "The secret of the engine {name} cannot be used: {reason_en}."
    way_out_zh = "请检查声明中的 secret_file 或 secret_env;文件须只有所有者可读。"
    way_out_en = "Check secret_file or secret_env; only the owner may be able to read the file."
