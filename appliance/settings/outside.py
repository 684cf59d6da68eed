"""Settings of those outside who watch the record: witnesses that cosign, and the hospital's SIEM."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import StringConstraints

from appliance.settings.field import Section, told

_HOST = r"^([A-Za-z0-9][A-Za-z0-9.-]{0,252}|[0-9A-Fa-f:.]{2,45})?$"
_CIDR = r"^[0-9A-Fa-f.:]+/[0-9]{1,3}$"
_TAG = r"^[a-z0-9:*-]{1,100}$"


class WitnessSettings(Section):
    """Who cosigns the checkpoints of the audit log, and how often."""

    second_key: Literal["auto", "tpm", "software"] = told(
        "auto",
        "设备的第二把密钥放在哪里:auto 有 TPM 则用 TPM,否则放在保险库;tpm 必须用 TPM;software 放在保险库(较弱)。",
        "Where the box's second key is held: auto is the TPM where there is one, else the vault; tpm "
        "insists on it; software is the vault (weaker).",
    )
    every_minutes: int = told(
        10,
        "第二把密钥多久给检查点签一次名(没有新记录时不签)。",
        "How often the second key cosigns the checkpoint (not without new entries).",
        "min",
        ge=1,
        le=1440,
    )
    stale_hours: int = told(
        48,
        "见证方多久没有签名就告警。",
        "After how long without a cosignature a witness raises an alert.",
        "h",
        ge=1,
        le=8784,
    )


class ForwardSettings(Section):
    """Live forwarding of the audit log to the hospital's SIEM; off without a host."""

    host: Annotated[str, StringConstraints(pattern=_HOST)] = told(
        "",
        "接收方的主机名或地址(必须在院内);留空则关闭。",
        "The receiver's name or address, inside the hospital; empty means off.",
        max_length=253,
    )
    port: int = told(
        6514, "接收方的端口(syslog over TLS)。", "The receiver's port (syslog over TLS).",
        ge=1, le=65_535,
    )  # fmt: skip
    ca_file: Path | None = told(
        None,
        "签发接收方证书的 CA 文件(PEM),必填;相对路径以状态目录为起点。",
        "Authority of the receiver's certificate (PEM), needed; a relative path starts at the state "
        "directory.",
    )
    client_file: Path | None = told(
        None,
        "本机向接收方出示的证书与私钥(PEM,权限 0600);不填则不出示。",
        "Certificate and key that the box shows to the receiver (PEM, mode 0600); none when not given.",
    )
    format: Literal["json", "cef", "dicom"] = told(
        "json",
        "消息内容:json 为原始记录(可与日志核对),cef 或 dicom 为转换后的形式。",
        "What messages carry: json is the entry as it was hashed, cef and dicom are made from it.",
    )
    facility: int = told(
        13, "syslog facility;13 为审计。", "The syslog facility; 13 is log audit.", ge=0, le=23
    )
    tags: list[Annotated[str, StringConstraints(pattern=_TAG)]] = told(
        [],
        "只转发这些标签,可用 * 结尾;留空则全部转发。",
        "Only these tags are forwarded; each may end in *. All when empty.",
        max_length=64,
    )
    since: Literal["now", "start"] = told(
        "now",
        "第一次启用时从哪里开始:now 只转发新记录,start 转发全部已有记录。",
        "Where forwarding begins the first time: now, or at the start of the log.",
    )
    networks: list[Annotated[str, StringConstraints(pattern=_CIDR)]] = told(
        ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "fc00::/7", "::1/128"],
        "接收方地址只能在这些网段内。",
        "Networks in which the receiver's address must lie.",
        max_length=32,
    )
    timeout_s: int = told(
        15,
        "多久没有进展就视为接收方停滞,断开重连。",
        "After how long without progress a receiver counts as stalled and is left.",
        "s",
        ge=1,
        le=300,
    )
    confirm_s: int = told(
        300,
        "同一连接最长使用时间;正常关闭后才确认已送达,异常断开则重发其间的消息。",
        "Longest life of a connection: an orderly end confirms what it carried, a broken one has it "
        "sent again.",
        "s",
        ge=5,
        le=3600,
    )
    lag_s: int = told(
        300,
        "积压多久后告警。",
        "After how long a backlog raises an alert.",
        "s",
        ge=10,
        le=86_400,
    )
