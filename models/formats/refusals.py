"""Why a model file or folder is refused: one class per kind, one rule per reason."""

from typing import Self

from models.errors import ModelsError
from models.formats.rules import RULES

_SHOWN = 60


def quoted(text: str | bytes) -> str:
    """Renders hostile text harmlessly: ASCII escapes only, cut to 60 characters.

    A tensor or key name comes from the file, so it may hold terminal escapes, bidi marks or
    megabytes; none of that may reach a console or a log.
    """
    shown = ascii(text.decode("utf-8", "backslashreplace") if isinstance(text, bytes) else text)
    return shown if len(shown) <= _SHOWN else shown[: _SHOWN - 4] + "...'"


class FileRefused(ModelsError):
    """A file or folder that is not an acceptable model."""

    code = "model.refused"
    zh = "模型文件被拒绝({rule}):{reason_zh}。"
    en = "The model file is refused ({rule}): {reason_en}."
    way_out_zh = "请从可信来源重新取得该文件,并核对其 SHA-256。"
    way_out_en = "Obtain the file again from a trusted source and compare its SHA-256."

    @classmethod
    def by(cls, rule: str, **facts: object) -> Self:
        """Builds the refusal for a rule of `models.formats.rules.RULES`.

        Args:
            rule: The rule's name, for example "tensor-past-eof".
            **facts: What the rule's sentences mention.
        """
        zh, en = RULES[rule]
        return cls(rule=rule, reason_zh=zh.format(**facts), reason_en=en.format(**facts))


class GgufMalformed(FileRefused):
    """A GGUF file that breaks the format or our limits."""

    code = "model.gguf-malformed"
    zh = "GGUF 文件不合格式({rule}):{reason_zh}。"
    en = "The GGUF file is malformed ({rule}): {reason_en}."


class SafetensorsMalformed(FileRefused):
    """A safetensors file that breaks the format or our limits."""

    code = "model.safetensors-malformed"
    zh = "safetensors 文件不合格式({rule}):{reason_zh}。"
    en = "The safetensors file is malformed ({rule}): {reason_en}."


class CodeCarrier(FileRefused):
    """A file whose format can carry code: pickle, archives of pickles, arrays of objects, HDF5."""

    code = "model.carries-code"
    zh = "该文件可以夹带代码,一律拒绝({rule}):{reason_zh}。"
    en = "A format that can carry code is always refused ({rule}): {reason_en}."
    way_out_zh = "请在受控环境中转换为 safetensors 或 GGUF 后再导入。"
    way_out_en = "Convert it to safetensors or GGUF in a controlled place, then import that."


class FormatUnknown(FileRefused):
    """Content that is neither GGUF nor safetensors."""

    code = "model.format-unknown"
    zh = "文件内容既不是 GGUF 也不是 safetensors({rule}):{reason_zh}。"
    en = "The content is neither GGUF nor safetensors ({rule}): {reason_en}."
    way_out_zh = "请提供 GGUF 或 safetensors 格式的模型。"
    way_out_en = "Provide the model as GGUF or safetensors."


class TemplateHostile(FileRefused):
    """A chat template that does more than lay out messages."""

    code = "model.template-hostile"
    zh = "对话模板不安全({rule}):{reason_zh}。"
    en = "The chat template is unsafe ({rule}): {reason_en}."
    way_out_zh = "请换用只排版消息的模板,或向模型提供方索取更正的文件。"
    way_out_en = (
        "Use a template that only lays out messages, or ask the supplier for a corrected one."
    )


class FolderRefused(FileRefused):
    """A model folder with code, links or references that leave it."""

    code = "model.folder-refused"
    zh = "模型文件夹被拒绝({rule}):{reason_zh}。"
    en = "The model folder is refused ({rule}): {reason_en}."
    way_out_zh = "请去掉代码文件、链接和外部引用,只保留权重、分词器和配置。"
    way_out_en = "Remove code, links and outside references; keep weights, tokenizer and settings."


class FileUnreadable(ModelsError):
    """A path that cannot be read at all."""

    code = "model.unreadable"
    zh = "无法读取 {path}:{reason}。"
    en = "Cannot read {path}: {reason}."
    way_out_zh = "请检查路径和权限。"
    way_out_en = "Check the path and its permissions."
