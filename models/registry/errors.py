"""Refusals of bringing a model onto the shelf from a stick or a folder."""

from models.errors import ModelsError


class SourceRefused(ModelsError):
    """A path that no model is taken from."""

    code = "model.source-refused"
    zh = "不能从 {path} 导入:{reason_zh}。"
    en = "Nothing is imported from {path}: {reason_en}."
    way_out_zh = "请给出 U 盘或本机上模型文件夹、GGUF 文件的完整路径。"
    way_out_en = "Give the whole path of a model folder or a GGUF file on a stick or on this box."


class SourceGone(ModelsError):
    """The stick was pulled, or a file on it cannot be read any more."""

    code = "model.source-gone"
    zh = "读取 {name} 时出错({reason}),U 盘可能已被拔出。"
    en = "{name} could not be read on ({reason}); the stick may have been pulled out."
    way_out_zh = "请重新插好,然后运行 wardbox jobs resume;已复制的文件不会重来。"
    way_out_en = "Attach it again, then run wardbox jobs resume; files that were copied stay."


class SourceFileRefused(ModelsError):
    """One file of a folder is not acceptable; the others were not looked at for it."""

    code = "model.source-file-refused"
    zh = "文件 {name} 不可用:{reason_zh}"
    en = "The file {name} cannot be used: {reason_en}"
    way_out_zh = "请从可信来源重新取得该文件;拷贝不完整时会出现这种情况。"
    way_out_en = "Obtain that file again from a trusted source; an incomplete copy looks like this."


class SourceChangedSince(ModelsError):
    """The source is another one than when the import began."""

    code = "model.source-changed-since"
    zh = "来源中的 {name} 与开始导入时不同。"
    en = "{name} at the source is not what it was when the import began."
    way_out_zh = "请重新提交导入。"
    way_out_en = "Submit the import again."
