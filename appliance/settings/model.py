"""The settings of a box: every field with its meaning, unit and bounds, frozen once read."""

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import StringConstraints
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from typing_extensions import override

from appliance.settings.access import AccessSettings
from appliance.settings.backup import BackupSettings
from appliance.settings.field import Section
from appliance.settings.field import told as _told
from appliance.settings.outside import ForwardSettings, WitnessSettings
from appliance.settings.posture import PostureSettings
from appliance.settings.signin import LdapSettings, OidcSettings, TlsSettings
from appliance.settings.storage import StorageSettings
from appliance.settings.vault import VaultSettings

MINIMUM_RETENTION_DAYS: Final = 183
"""Six months, rounded up: MLPS 2.0 (GB/T 22239-2019) and the Cybersecurity Law of China, art. 23."""

_ORIGIN = r"^[a-z0-9][a-z0-9._/-]{2,99}$"
_MODEL_ID = r"^[a-z0-9][a-z0-9._-]{0,63}$"
_HOST = r"^[A-Za-z0-9:][A-Za-z0-9.:-]{0,252}$"
_COLLECTOR = r"^(https?://[0-9a-fA-F.:\[\]]+)?$"
_BOX_ID = r"^[a-z0-9][a-z0-9-]{0,62}$"


class ServerSettings(Section):
    """Where the box listens."""

    host: str = _told(
        "0.0.0.0",  # noqa: S104  # the box serves its hospital's network, TLS always
        "监听的地址。",
        "Address to listen on.",
        min_length=1,
        max_length=255,
    )
    port: int = _told(8443, "监听的端口(TLS)。", "Port to listen on (TLS).", ge=1, le=65535)
    names: list[Annotated[str, StringConstraints(pattern=_HOST)]] = _told(
        [],
        "客户端使用的主机名,写入证书,其他 Host 头一律拒绝。",
        "Host names that clients use; they go into the certificate and other Host headers are refused.",
        max_length=32,
    )
    max_body_bytes: int = _told(
        1_048_576,
        "请求正文的上限。",
        "Largest request body.",
        "byte",
        ge=16_384,
        le=1_073_741_824,
    )
    idle_timeout_s: int = _told(
        75, "空闲连接保留的时间。", "How long an idle connection is kept.", "s", ge=1, le=3600
    )
    max_connections: int = _told(
        16_384,
        "同时存在的连接数上限。",
        "Most connections at once.",
        ge=16,
        le=1_000_000,
    )
    max_connections_per_address: int = _told(
        4096,
        "同一地址的连接数上限;经反向代理时所有客户端共用代理的地址。",
        "Most connections from one address; behind a proxy all clients share its address.",
        ge=8,
        le=1_000_000,
    )


class AuditSettings(Section):
    """How the box keeps its record."""

    bodies: Literal["all", "patients", "none"] = _told(
        "all",
        "保存哪些请求的正文(提示、回答与病历摘录,逐条加密):all 全部、patients 仅指明患者的、none 不保存。",
        "Whose bodies (prompts, answers, record extracts, each under a key of its own) are kept: all, "
        "patients (requests that name one), none.",
    )
    bodies_days: int = _told(
        183,
        "正文保存的天数,到期销毁其密钥;日志本身不受影响。",
        "Days that bodies are kept; then their keys are destroyed. The log itself stays.",
        "day",
        ge=1,
        le=36_500,
    )
    body_bytes: int = _told(
        1_048_576,
        "每段文本最多保存的字节数,超出部分截去并注明。",
        "Most bytes kept of each text; what is longer is cut, and said to be.",
        "byte",
        ge=1024,
        le=16_777_216,
    )
    exports_days: int = _told(
        30,
        "存放在设备上的审计导出保留的天数,到期自动移除;0 表示一直保留。",
        "Days that exports of the record lie on the box, then they are taken away; 0 keeps them.",
        "day",
        ge=0,
        le=3650,
    )
    window_ms: int = _told(
        1,
        "高负载时为合并提交而等待的时间。",
        "How long a commit waits for company under load.",
        "ms",
        ge=0,
        le=50,
    )
    retention_days: int = _told(
        2190,
        "审计记录至少保留的天数,法规下限为 183 天。",
        "Days that audit records are kept; the law asks for 183 at least.",
        "day",
        ge=MINIMUM_RETENTION_DAYS,
        le=36_500,
    )
    origin: str = _told(
        "wardbox/box",
        "审计日志的名称,写入每个检查点;留空则由设备编号得出。",
        "Name of the audit log, part of every checkpoint; made from the box id when not given.",
        pattern=_ORIGIN,
    )


class EngineSettings(Section):
    """The processes that run models."""

    directory: Path = _told(
        Path("engines"),
        "存放 llama-server 的目录;相对路径以状态目录为起点。",
        "Directory that holds llama-server; a relative path starts at the state directory.",
    )
    threads: int | None = _told(
        None,
        "每个引擎的线程数;不填则按空闲的处理器核心决定。",
        "Threads of each engine; decided by the free cores when not given.",
        ge=1,
        le=1024,
    )
    slots: int = _told(
        16,
        "每个引擎同时处理的请求数。",
        "Requests that each engine works on at once.",
        ge=1,
        le=256,
    )
    context: int = _told(
        4096, "每个请求的上下文长度。", "Context of each request.", "token", ge=256, le=1_048_576
    )
    device: Literal["auto", "cpu", "gpu"] = _told(
        "auto",
        "模型运行在哪里:auto 优先加速卡;gpu 必须用加速卡,否则报错,绝不悄悄改用 CPU;cpu 只用处理器。",
        "Where models run: auto prefers accelerators; gpu insists on them and refuses with the "
        "reason, never the CPU instead; cpu uses processors only.",
    )
    idle_unload_s: int = _told(
        1800,
        "模型空闲多久后卸载;0 表示从不。",
        "Idle time after which a model is unloaded; 0 means never.",
        "s",
        ge=0,
        le=604_800,
    )


class JobSettings(Section):
    """Long work: training, evaluation, imports."""

    workers: int = _told(1, "同时运行的任务数。", "Jobs that run at once.", ge=1, le=64)
    threads: int = _told(1, "每个任务的线程数。", "Threads of each job.", ge=1, le=1024)


class FileSettings(Section):
    """Files that applications send, and batches."""

    max_bytes: int = _told(
        209_715_200,
        "单个文件的上限。",
        "Largest file.",
        "byte",
        ge=65_536,
        le=17_179_869_184,
    )
    owner_bytes: int = _told(
        2_147_483_648,
        "同一密钥所有文件合计的上限。",
        "Largest sum of the files of one key.",
        "byte",
        ge=65_536,
        le=1_099_511_627_776,
    )
    batch_width: int = _told(
        2,
        "批处理同时向引擎提出的请求数。",
        "Requests of a batch that an engine is asked at once.",
        ge=1,
        le=64,
    )


class BoxSettings(Section):
    """Which box this is."""

    id: str = _told(
        "box", "设备编号,安装时生成。", "Id of the box, made at installation.", pattern=_BOX_ID
    )
    name: str = _told("WardBox", "设备名称。", "Name of the box.", min_length=1, max_length=80)
    hospital: str = _told("", "医院名称。", "Name of the hospital.", max_length=120)
    language: Literal["zh", "en"] = _told(
        "zh", "控制台先用的语言:zh 或 en。", "Language that the console starts in: zh or en."
    )


class ModelSettings(Section):
    """Which model answers by default."""

    default: str = _told(
        "wardbox-reference",
        "请求未指定模型时使用的模型。",
        "Model that answers when a request names none.",
        pattern=_MODEL_ID,
    )


class TelemetrySettings(Section):
    """What the box tells those who watch over it."""

    traces_endpoint: Annotated[str, StringConstraints(pattern=_COLLECTOR)] = _told(
        "",
        "接收追踪数据(OTLP/HTTP)的内网地址,如 http://10.0.0.5:4318;不填则关闭。",
        "Collector of traces (OTLP/HTTP) inside the hospital, as http://10.0.0.5:4318; off when not given.",
        max_length=200,
    )
    traces_share: float = _told(
        1.0, "被追踪的请求比例。", "Share of requests that are traced.", ge=0, le=1
    )


class Settings(BaseSettings):
    """All settings. `appliance.settings.reading.load` is the only place that makes them."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid")

    box: BoxSettings = BoxSettings()
    server: ServerSettings = ServerSettings()
    model: ModelSettings = ModelSettings()
    engines: EngineSettings = EngineSettings()
    jobs: JobSettings = JobSettings()
    files: FileSettings = FileSettings()
    audit: AuditSettings = AuditSettings()
    witness: WitnessSettings = WitnessSettings()
    forward: ForwardSettings = ForwardSettings()
    access: AccessSettings = AccessSettings()
    backup: BackupSettings = BackupSettings()
    storage: StorageSettings = StorageSettings()
    posture: PostureSettings = PostureSettings()
    vault: VaultSettings = VaultSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    tls: TlsSettings = TlsSettings()
    ldap: LdapSettings = LdapSettings()
    oidc: OidcSettings = OidcSettings()

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` gives: the process environment is never read behind its back."""
        return (init_settings,)
