"""Refusals of the command line and of starting the box."""

from appliance.errors import ApplianceError


class PortTaken(ApplianceError):
    """Another program listens on the box's port."""

    code = "serve.port-taken"
    zh = "端口 {host}:{port} 已被其他程序占用。"
    en = "Another program listens on {host}:{port}."
    way_out_zh = "请停止该程序（ss -ltnp 可查看），或在 settings.toml 中更改 server.port。"
    way_out_en = "Stop that program (ss -ltnp shows it) or change server.port in settings.toml."


class AlreadyRunning(ApplianceError):
    """A box already serves this state directory."""

    code = "serve.already-running"
    zh = "一体机已在运行（{socket}）。"
    en = "The box is running already ({socket})."
    way_out_zh = "用 wardbox status 查看；wardbox supervise --stop 停止。"
    way_out_en = "wardbox status shows it; wardbox supervise --stop stops it."


class SocketRefused(ApplianceError):
    """The operating system does not let the box listen there."""

    code = "serve.socket-refused"
    zh = "无法监听 {where}：{reason}。"
    en = "Cannot listen on {where}: {reason}."
    way_out_zh = "请检查 server.host、目录权限和路径长度（Unix 套接字路径不超过 107 字节）。"
    way_out_en = (
        "Check server.host, permissions and path length (a socket path has 107 bytes at most)."
    )


class CertificateMissing(ApplianceError):
    """There is no usable TLS certificate; without TLS the box does not listen."""

    code = "serve.certificate-missing"
    zh = "TLS 证书不可用（{path}：{reason}）。"
    en = "The TLS certificate cannot be used ({path}: {reason})."
    way_out_zh = "请重新运行 ./install.sh，它会用一体机 CA 重新签发。"
    way_out_en = "Run ./install.sh again; it issues one from the box's own CA."


class DescriptorsFew(ApplianceError):
    """The operating system allows fewer open files than the settings allow connections."""

    code = "serve.few-descriptors"
    zh = "系统只允许打开 {allowed} 个文件:同时最多接受 {most} 个连接,而不是 {wanted} 个。"
    en = (
        "Only {allowed} files may be open: at most {most} connections are taken at once, "
        "not {wanted}."
    )
    way_out_zh = "请提高 LimitNOFILE(ulimit -n),或调低 server.max_connections。"
    way_out_en = "Raise LimitNOFILE (ulimit -n), or lower server.max_connections."


class SupervisorRunning(ApplianceError):
    """A supervisor holds this state directory."""

    code = "supervise.already-running"
    zh = "守护进程已在运行（进程 {pid}）。"
    en = "A supervisor is running already (process {pid})."
    way_out_zh = "wardbox supervise --status 查看，--stop 停止。"
    way_out_en = "See it with wardbox supervise --status, stop it with --stop."


class StopTimedOut(ApplianceError):
    """The supervisor did not end in time."""

    code = "supervise.stop-timed-out"
    zh = "守护进程 {pid} 在 {seconds} 秒内没有结束。"
    en = "Supervisor {pid} did not end within {seconds} s."
    way_out_zh = "请查看日志；必要时 kill -9 {pid}，引擎会随之结束。"
    way_out_en = "See the log; if need be kill -9 {pid}: the engines end with it."


class FileUnreadable(ApplianceError):
    """A file named on the command line cannot be used."""

    code = "command.file-unreadable"
    zh = "无法读取文件 {path}：{reason}。"
    en = "The file {path} cannot be used: {reason}."
    way_out_zh = "请检查路径；文件应为 UTF-8 编码的 JSON 对象。"
    way_out_en = "Check the path; the file holds one JSON object in UTF-8."


class ArgumentRefused(ApplianceError):
    """Something on the command line that the box would not take."""

    code = "command.argument-refused"
    zh = "参数 {field} 不合要求：{reason}。"
    en = "The argument {field} is refused: {reason}."
    way_out_zh = "请运行同一命令加 --help 查看说明。"
    way_out_en = "Run the same command with --help."


class FileUnusable(ApplianceError):
    """A file of a certificate or key that cannot be read or written."""

    code = "command.file-unusable"
    zh = "文件 {path} 无法使用:{reason}。"
    en = "The file {path} cannot be used: {reason}."
    way_out_zh = "请检查路径与权限;证书与密钥为 PEM 文本,输出文件不能已存在。"
    way_out_en = (
        "Check path and permissions; certificates and keys are PEM text, and an output file must not"
        " exist yet."
    )


class UnwrittenSecret(ApplianceError):
    """The secret of a new slot could not be written where it was to go."""

    code = "command.unwritten-secret"
    zh = "新开启方式 {slot} 已添加,但无法写入 {path}:{reason}。"
    en = "The slot {slot} was added, but {path} cannot be written: {reason}."
    way_out_zh = (
        "上面若显示了密文请立即抄录;否则请运行 wardbox vault slots revoke {slot} 后重新添加。"
    )
    way_out_en = "Copy the secret above if it was shown; else run wardbox vault slots revoke {slot} and add it anew."


class RecordFormChanges(ApplianceError):
    """A release would write the audit log in a form that the one before it cannot go on with."""

    code = "trial.record-form-changes"
    zh = "新版本要改变审计日志的存储形式({steps}),旧版本将无法继续写入。"
    en = "The release would change the form of the audit log ({steps}); the one before could not go on with it."
    way_out_zh = "一体机未被改动。请供应商先发布能读新形式的版本:日志从不回退。"
    way_out_en = "The box is unchanged. Ask the vendor for a release in between that reads both forms: the log is never put back."
