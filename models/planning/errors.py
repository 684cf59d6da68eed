"""Refusals of the planner: what was asked cannot be, and what could be instead."""

from models.errors import ModelsError


class Oversold(ModelsError):
    """Memory or cores that somebody else holds already."""

    code = "plan.oversold"
    zh = "{place} 已被占用:还需要 {needed},只剩 {free}。"
    en = "{place} is taken: {needed} more are needed, {free} are left."
    way_out_zh = "请先卸载其他模型或等待任务结束,再试一次。"
    way_out_en = "Unload another model or wait for a job to end, then try again."


class HolderKnown(ModelsError):
    """A holder that asks a second time without giving back what it has."""

    code = "plan.holder-known"
    zh = "{holder} 已经占有资源。"
    en = "{holder} already holds something."
    way_out_zh = "请先释放它已占有的部分。"
    way_out_en = "Release what it holds first."


class ConfigUnusable(ModelsError):
    """A `config.json` or GGUF header from which no shape can be read."""

    code = "plan.config-unusable"
    zh = "无法从 {where} 得到模型结构:{field} {reason_zh}。"
    en = "No model shape can be read from {where}: {field} {reason_en}."
    way_out_zh = "请更正该文件,或使用已知模型的名称(wardbox model plan --list)。"
    way_out_en = "Correct that file, or name a known model (wardbox model plan --list)."


class ModelNotKnown(ModelsError):
    """A model that is neither known by name nor a readable file."""

    code = "plan.model-unknown"
    zh = "不认识模型 {model}。相近的名称:{similar}。"
    en = "The model {model} is not known. Similar names: {similar}."
    way_out_zh = (
        "请用 wardbox model plan --list 查看名称,或给出含 config.json 的文件夹、GGUF 文件。"
    )
    way_out_en = (
        "See the names with wardbox model plan --list, or give a folder with config.json or a "
        "GGUF file."
    )


class CardNotKnown(ModelsError):
    """An accelerator that has no data sheet here."""

    code = "plan.card-unknown"
    zh = "不认识加速卡 {card}。"
    en = "The accelerator {card} is not known."
    way_out_zh = "已知的有:{known}。"
    way_out_en = "Known are: {known}."


class CountRefused(ModelsError):
    """A number outside of what can be planned."""

    code = "plan.count-refused"
    zh = "{field} 为 {value},应在 {least} 到 {most} 之间。"
    en = "{field} is {value}; it must lie between {least} and {most}."
    way_out_zh = '请改用该范围内的整数,例如 --gpus "8x H20-96G"。'
    way_out_en = 'Give a whole number in that range, for example --gpus "8x H20-96G".'


class SplitRefused(ModelsError):
    """A number of cards over which a model cannot be cut."""

    code = "plan.split-refused"
    zh = "该模型不能切分到 {cards} 张卡({heads} 个注意力头,{kv_heads} 个键值头)。"
    en = "It cannot be cut over {cards} cards ({heads} heads, {kv_heads} of keys and values)."
    way_out_zh = "可用的张量并行数:{widths}。"
    way_out_en = "Possible tensor-parallel sizes: {widths}."


class ContextBeyond(ModelsError):
    """A context beyond what the model was made for."""

    code = "plan.context-beyond"
    zh = "上下文 {wanted} 超过模型的 {most}。"
    en = "A context of {wanted} exceeds the model's {most}."
    way_out_zh = "请用 --context {most} 或更小。"
    way_out_en = "Use --context {most} or less."


class PrecisionRefused(ModelsError):
    """A precision that is unknown, or that the card does not have."""

    code = "plan.precision-refused"
    zh = "{card} 不能使用 {precision}。"
    en = "{precision} cannot be used on {card}."
    way_out_zh = "可用的有:{known}。"
    way_out_en = "Usable there: {known}."
