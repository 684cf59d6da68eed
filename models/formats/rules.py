"""The rules that a model file must keep, each with its sentence in Chinese and English."""

from typing import Final

_SHAPE: Final = {
    "truncated": ("文件在 {where} 处被截断", "the file ends inside {where}"),
    "empty": ("文件为空", "the file is empty"),
    "magic": ("开头不是 GGUF 标识", "it does not begin with the GGUF magic"),
    "big-endian": (
        "这是大端字节序的文件,本机引擎只读小端",
        "it is big-endian; the engines here read little-endian only",
    ),
    "version": ("版本 {version} 不受支持(只接受 2 和 3)", "version {version} is not 2 or 3"),
    "count": ("{what} 数量 {count} 超出文件所能容纳", "{count} {what} cannot fit in the file"),
    "limit": ("{what} 为 {count},超过上限 {limit}", "{what} is {count}, the limit is {limit}"),
    "trailing": ("末尾多出 {count} 字节", "{count} bytes trail after the last tensor"),
    "padding": ("{where} 的填充字节不是零", "padding bytes {where} are not zero"),
}

_METADATA: Final = {
    "string-length": ("{where} 的字符串长度 {count} 过大", "a string of {count} bytes in {where}"),
    "utf8": ("{where} 不是合法的 UTF-8", "{where} is not valid UTF-8"),
    "nul": ("{where} 含有空字符", "{where} contains a NUL character"),
    "key-name": ("键名 {name} 不合法", "the key {name} is not a plain ASCII name"),
    "key-duplicate": ("键 {name} 重复", "the key {name} appears twice"),
    "value-type": ("{name} 的类型 {type} 未知", "{name} has the unknown type {type}"),
    "value-kind": ("{name} 的类型或取值不对", "{name} has a wrong type or value"),
    "bool": ("{name} 的布尔值不是 0 或 1", "{name} holds a boolean that is neither 0 nor 1"),
    "not-finite": ("{name} 不是有限数值", "{name} is not a finite number"),
    "array-nested": ("{name} 是嵌套数组", "{name} is an array of arrays"),
    "alignment": (
        "对齐值 {count} 不是 8 到 65536 之间的 2 的幂",
        "alignment {count} is not a power of two between 8 and 65536",
    ),
    "part": (
        "{name} 是分片模型的一部分,与其余分片不符",
        "{name} is part of a model in several files and does not fit the others",
    ),
    "architecture": ("缺少 general.architecture", "general.architecture is missing"),
    "vocabulary": (
        "{name} 有 {count} 项,词表有 {expected} 项",
        "{name} has {count} entries, the vocabulary {expected}",
    ),
}

_TENSOR: Final = {
    "tensor-name": ("张量名 {name} 不合法", "the tensor name {name} is not acceptable"),
    "tensor-duplicate": ("张量 {name} 重复", "the tensor {name} appears twice"),
    "tensor-dims": ("张量 {name} 有 {count} 个维度", "the tensor {name} has {count} dimensions"),
    "tensor-shape": ("张量 {name} 的形状不合法", "the tensor {name} has an impossible shape"),
    "tensor-overflow": ("张量 {name} 的大小溢出", "the size of tensor {name} overflows"),
    "tensor-type": ("张量 {name} 的类型 {type} 未知", "tensor {name} has the unknown type {type}"),
    "tensor-block": (
        "张量 {name} 的行宽不是块大小 {block} 的倍数",
        "the rows of tensor {name} are no multiple of its block size {block}",
    ),
    "tensor-unaligned": ("张量 {name} 的偏移未对齐", "the offset of tensor {name} is not aligned"),
    "tensor-overlap": ("张量 {name} 与前一个重叠", "tensor {name} overlaps the one before it"),
    "tensor-hole": ("张量 {name} 之前有空洞", "there is a hole before tensor {name}"),
    "tensor-past-eof": (
        "张量 {name} 超出文件末尾(需到 {end},文件只有 {size})",
        "tensor {name} ends at {end}, past the end of the file at {size}",
    ),
    "tensor-bytes": (
        "张量 {name} 的形状需要 {expected} 字节,却占 {count}",
        "tensor {name} spans {count} bytes, its shape needs {expected}",
    ),
}

_JSON: Final = {
    "header-length": ("文件头长度 {count} 不合法", "a header of {count} bytes is impossible"),
    "header-start": ("文件头不以 {{ 开始", "the header does not begin with {{"),
    "json": ("{where} 不是合法的 JSON:{why}", "{where} is not valid JSON: {why}"),
    "json-duplicate": ("{where} 中的键 {name} 重复", "the key {name} appears twice in {where}"),
    "json-number": ("{where} 含有不允许的数值", "{where} holds a number that is not allowed"),
    "json-depth": ("{where} 嵌套过深", "{where} is nested too deeply"),
    "fields": ("张量 {name} 的字段不对", "tensor {name} has missing, unknown or wrong fields"),
    "metadata": ("__metadata__ 必须是字符串到字符串", "__metadata__ must map strings to strings"),
    "offsets": ("张量 {name} 的偏移不合法", "tensor {name} has impossible offsets"),
}

_CODE: Final = {
    "pickle": ("内容是 pickle 序列", "the content is a pickle stream"),
    "zip": ("内容是 ZIP 归档(PyTorch、Keras、NumPy 常用)", "the content is a ZIP archive"),
    "numpy-object": ("NumPy 数组,可含对象", "the content is a NumPy array, which can hold objects"),
    "hdf5": ("内容是 HDF5(Keras)", "the content is HDF5, as Keras writes it"),
    "archive": ("内容是 {name} 压缩或归档", "the content is a {name} archive"),
    "program": ("内容是可执行程序或脚本", "the content is a program or a script"),
    "joblib": ("内容是 joblib 压缩流", "the content is a joblib stream"),
    "unknown": ("开头的字节未知", "its first bytes are unknown"),
}

_TEMPLATE: Final = {
    "template-size": ("模板有 {count} 字节", "the template has {count} bytes"),
    "template-syntax": ("语法错误", "it does not parse"),
    "template-node": ("使用了 {name}", "it uses {name}"),
    "template-attribute": ("访问属性 {name}", "it reads the attribute {name}"),
    "template-range": ("循环次数过大", "it loops over a huge range"),
    "template-constant": ("含有过大的常量或乘幂", "it computes with huge constants"),
    "template-nesting": ("嵌套 {count} 层", "it nests {count} levels"),
    "template-run": ("试运行超出时间或输出上限", "a trial run exceeds its time or output"),
    "template-type": ("模板不是文本", "the template is not text"),
}

_FOLDER: Final = {
    "link": ("{name} 是链接", "{name} is a link"),
    "special": ("{name} 不是普通文件", "{name} is not a plain file"),
    "code-file": ("{name} 是代码文件", "{name} is a code file"),
    "file-kind": ("{name} 不是模型文件夹应有的文件", "{name} does not belong in a model folder"),
    "remote-code": ("{name} 要求运行自带代码", "{name} asks to run code of its own"),
    "outside": ("{name} 引用文件夹之外的 {target}", "{name} refers to {target} outside the folder"),
    "missing": ("{name} 引用的 {target} 不存在", "{name} refers to {target}, which is missing"),
    "shard": (
        "{name} 只是分片之一,请导入含有 {target} 等全部分片的文件夹",
        "{name} is one of several: import the folder that holds it and {target}",
    ),
    "no-weights": ("没有权重文件", "there are no weights"),
    "no-config": ("没有 config.json", "there is no config.json"),
    "tensor-map": ("索引与文件中的张量不一致", "the index does not match the tensors in the files"),
    "file-name": ("文件名 {name} 不合法", "the file name {name} is not acceptable"),
}

RULES: Final[dict[str, tuple[str, str]]] = {
    **_SHAPE,
    **_METADATA,
    **_TENSOR,
    **_JSON,
    **_CODE,
    **_TEMPLATE,
    **_FOLDER,
}
