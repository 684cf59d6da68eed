"""Refusals of the files and batches room."""

from appliance.errors import ApplianceError


class FileUnknown(ApplianceError):
    """An id that no file of this caller has."""

    code = "file.unknown"
    zh = "没有文件 {file_id}。"
    en = "There is no file {file_id}."
    way_out_zh = "文件只属于上传它的密钥；请用 GET /v1/files 查看。"
    way_out_en = "A file belongs to the key that sent it; GET /v1/files lists yours."


class FileTooLarge(ApplianceError):
    """A file beyond the limit."""

    code = "file.too-large"
    zh = "文件超过上限 {limit} 字节。"
    en = "The file is longer than {limit} bytes."
    way_out_zh = "请拆分后上传；上限由 files.max_bytes 设定。"
    way_out_en = "Send it in parts; files.max_bytes sets the limit."


class FilesFull(ApplianceError):
    """A caller whose files together are beyond the limit."""

    code = "file.quota-exceeded"
    zh = "该密钥的文件合计超过 {limit} 字节或 {count} 个。"
    en = "The files of this key are more than {limit} bytes or {count} files together."
    way_out_zh = "请删除不需要的文件(DELETE /v1/files/ID)。"
    way_out_en = "Delete what is not needed (DELETE /v1/files/ID)."


class FileKindRefused(ApplianceError):
    """Content that is not what its purpose needs, whatever its name says."""

    code = "file.kind-refused"
    zh = "文件内容不可接受:{reason_zh}。"
    en = "The content of the file is not taken: {reason_en}."
    way_out_zh = "批处理需要 UTF-8 的 JSON Lines;其他用途接受文本、PDF、PNG、JPEG。"
    way_out_en = "A batch needs JSON Lines in UTF-8; other purposes take text, PDF, PNG and JPEG."


class FilePurposeUnknown(ApplianceError):
    """A file that is sent for something that the box does with no file."""

    code = "file.purpose-unknown"
    zh = "文件没有这种用途;purpose 可为 {known}。"
    en = "Files have no such purpose; `purpose` is one of {known}."
    way_out_zh = "请以其中之一重新上传。"
    way_out_en = "Send it again with one of them."


class FileInUse(ApplianceError):
    """A file that a batch or a training still reads."""

    code = "file.in-use"
    zh = "文件 {file_id} 正被 {reader} 使用。"
    en = "The file {file_id} is being read by {reader}."
    way_out_zh = "请等待它结束或先取消它。"
    way_out_en = "Wait for it to end, or cancel it first."


class FileDamaged(ApplianceError):
    """A file whose sealed content is not what was written."""

    code = "file.damaged"
    zh = "文件 {file_id} 已损坏,无法读取。"
    en = "The file {file_id} is damaged and cannot be read."
    way_out_zh = "请重新上传,或从备份恢复。"
    way_out_en = "Send it again, or restore it from a backup."


class BatchUnknown(ApplianceError):
    """An id that no batch of this caller has."""

    code = "batch.unknown"
    zh = "没有批处理 {batch_id}。"
    en = "There is no batch {batch_id}."
    way_out_zh = "请用 GET /v1/batches 查看。"
    way_out_en = "GET /v1/batches lists yours."


class BatchRefused(ApplianceError):
    """A batch that cannot be."""

    code = "batch.refused"
    zh = "批处理不可用:{field}:{reason_zh}。"
    en = "The batch cannot be: {field}: {reason_en}."
    way_out_zh = "请更正后重新提交。"
    way_out_en = "Correct it and send it again."


class BatchKeyNeeded(ApplianceError):
    """A batch by a person: sessions end before a batch does."""

    code = "batch.key-needed"
    zh = "批处理需要 API 密钥:登录会话会先于批处理结束。"
    en = "A batch needs an API key: a session ends before a batch does."
    way_out_zh = "请用 `wardbox key create` 创建密钥。"
    way_out_en = "Make one with `wardbox key create`."


class BatchOver(ApplianceError):
    """A batch that has ended and cannot be cancelled."""

    code = "batch.wrong-state"
    zh = "批处理 {batch_id} 已是 {status} 状态。"
    en = "The batch {batch_id} is {status} already."
    way_out_zh = "结果见 output_file_id 与 error_file_id。"
    way_out_en = "Its results are in output_file_id and error_file_id."


class ResponseUnknown(ApplianceError):
    """An id that no kept response of this caller has."""

    code = "response.unknown"
    zh = "没有保存的回答 {response_id}。"
    en = "There is no kept response {response_id}."
    way_out_zh = "只有以 store: true 请求的回答会被保存,并在到期后删除。"
    way_out_en = "Only responses asked for with store: true are kept, and only for a while."
