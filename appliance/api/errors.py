"""Refusals that only the door can make: bodies, fields, hosts and paths."""

from appliance.errors import ApplianceError


class BodyMalformed(ApplianceError):
    """The body is not JSON."""

    code = "request.malformed"
    zh = "请求正文不是有效的 JSON({reason})。"
    en = "The body of the request is not valid JSON ({reason})."
    way_out_zh = "请发送 UTF-8 编码的 JSON 对象。"
    way_out_en = "Send one JSON object in UTF-8."


class FormMalformed(ApplianceError):
    """The body is no form with one file."""

    code = "request.form-malformed"
    zh = "表单无法读取:{reason_zh}。"
    en = "The form cannot be read: {reason_en}."
    way_out_zh = "请按 multipart/form-data 发送一个名为 file 的文件和 purpose 字段。"
    way_out_en = "Send multipart/form-data with one file named file, and the field purpose."


class TypeRefused(ApplianceError):
    """The body calls itself something else than JSON."""

    code = "request.type-refused"
    zh = "请求正文须标明为 JSON,收到的 Content-Type 是“{kind}”。"
    en = "The body must call itself JSON; its Content-Type is '{kind}'."
    way_out_zh = "请加上请求头 Content-Type: application/json。"
    way_out_en = "Send the header Content-Type: application/json."


class FieldRefused(ApplianceError):
    """A field is unknown here, missing or out of its bounds."""

    code = "request.field-refused"
    zh = "字段 {field} 不被接受：{reason_zh}。"
    en = "The field {field} is refused: {reason_en}."
    way_out_zh = "请按 docs/reference/routes.md 或 OpenAPI 文档更正该字段。"
    way_out_en = "Correct it by docs/reference/routes.md or the OpenAPI document."


class BodyTooLarge(ApplianceError):
    """The body is longer than the box takes."""

    code = "request.too-large"
    zh = "请求正文超过上限 {limit} 字节。"
    en = "The body of the request is longer than {limit} bytes."
    way_out_zh = "请缩短提示词或分批发送；上限由 server.max_body_bytes 设定。"
    way_out_en = "Shorten the prompt or send it in parts; server.max_body_bytes sets the limit."


class BodyTooSlow(ApplianceError):
    """The body did not arrive in time."""

    code = "request.too-slow"
    zh = "{seconds} 秒内未收到完整的请求正文。"
    en = "The body of the request did not arrive within {seconds} s."
    way_out_zh = "请检查网络后重试。"
    way_out_en = "Check the network and try again."


class EncodingRefused(ApplianceError):
    """Compressed bodies are not taken: a small one may unpack to a huge one."""

    code = "request.encoding-refused"
    zh = "不接受压缩的请求正文（Content-Encoding、Transfer-Encoding）。"
    en = "Compressed request bodies (Content-Encoding, Transfer-Encoding) are not taken."
    way_out_zh = "请发送未压缩的正文。"
    way_out_en = "Send the body uncompressed."


class HostRefused(ApplianceError):
    """The Host header names another machine: a rebound name or a misled browser."""

    code = "request.host-refused"
    zh = "请求的主机名不属于本机。"
    en = "The Host header does not name this box."
    way_out_zh = "请使用证书中的主机名或地址；管理员可在 server.names 中添加。"
    way_out_en = "Use a name or address of the certificate; server.names adds more."


class HeadersTooLarge(ApplianceError):
    """The head of the request is longer than the box takes."""

    code = "request.head-too-large"
    zh = "请求头过大。"
    en = "The head of the request is too large."
    way_out_zh = "请减少请求头。"
    way_out_en = "Send fewer and shorter headers."


class HeadMalformed(ApplianceError):
    """The bytes are not an HTTP/1.1 request."""

    code = "request.not-http"
    zh = "收到的不是有效的 HTTP/1.1 请求。"
    en = "This is not a valid HTTP/1.1 request."
    way_out_zh = "请使用 HTTP/1.1 over TLS。"
    way_out_en = "Speak HTTP/1.1 over TLS."


class HeadTooSlow(ApplianceError):
    """The head of the request did not arrive in time."""

    code = "request.head-too-slow"
    zh = "未及时收到完整的请求头。"
    en = "The head of the request did not arrive in time."
    way_out_zh = "请检查网络后重试。"
    way_out_en = "Check the network and try again."


class BoxCrowded(ApplianceError):
    """There are more connections, or more unfinished requests, than the box holds at once."""

    code = "request.crowded"
    zh = "此刻连接或未收完的请求过多。"
    en = "There are too many connections or unfinished requests at this moment."
    way_out_zh = (
        "请稍后重试并重复使用连接；上限由 server.max_connections 和 "
        "server.max_connections_per_address 设定。"
    )
    way_out_en = (
        "Try again soon and reuse connections; server.max_connections and "
        "server.max_connections_per_address set the limits."
    )


class RouteUnknown(ApplianceError):
    """There is no such path."""

    code = "request.route-unknown"
    zh = "没有这个路径。"
    en = "There is no such path."
    way_out_zh = "全部路径见 docs/reference/routes.md。"
    way_out_en = "docs/reference/routes.md lists every path."


class MethodRefused(ApplianceError):
    """The path does not take this method."""

    code = "request.method-refused"
    zh = "该路径不支持此方法。"
    en = "This path does not take this method."
    way_out_zh = "请查看 Allow 响应头。"
    way_out_en = "See the Allow header of the answer."


class LocalOnly(ApplianceError):
    """Something only the console on this machine may ask for."""

    code = "access.local-only"
    zh = "此操作只能在本机控制台执行（{what}）。"
    en = "This is done on the box's own console only ({what})."
    way_out_zh = "请登录一体机后运行 wardbox 命令。"
    way_out_en = "Log in on the box and run the wardbox command."


class InternalFault(ApplianceError):
    """A fault of the box itself; the log holds the rest under the request id."""

    code = "box.internal"
    zh = "一体机内部错误。"
    en = "The box made a mistake of its own."
    way_out_zh = "请将 request_id 告知管理员；日志中有详细记录。"
    way_out_en = "Give the request_id to the administrator; the log tells more."
