"""The catalogue of events: every tag with its meaning and the details it carries."""

from typing import Final

from appliance.audit.kind import Kind
from appliance.audit.kinds_bodies import BODIES
from appliance.audit.kinds_outside import OUTSIDE
from appliance.audit.kinds_updates import UPDATES

_ANSWER: Final = (
    "adapter_digest",
    "answer_hash",
    "body",
    "completion_tokens",
    "model",
    "model_digest",
    "patient",
    "policy",
    "posture",
    "prompt_hash",
    "prompt_tokens",
    "receipt",
    "route",
    "seed",
    "status",
    "stream",
)
_ARCHIVE: Final = ("digest", "first", "last")
_USE: Final = ("digest", "job", "purpose")
_ROLE: Final = ("scopes", "totp")
_KEY: Final = ("digest", "key", "what")
_SLOT: Final = ("kind", "slot", "what")
_TWO: Final = ("approved_by", "requested_by", "what")
_JOB: Final = ("code", "kind")
_SHELF: Final = ("digest", "ok")
_BATCH: Final = ("endpoint", "lines", "status")
_ALERT: Final = ("alert", "rule")
_DEPLOYED: Final = ("revision", "targets")
_ADAPTER: Final = ("base", "digest")
_LEASE: Final = ("holder", "purpose")
_CLUSTER: Final = ("authority",)
_PEER: Final = ("digest", "model")
_TARGET: Final = ("kind", "pin")
_SNAPSHOT: Final = ("digest", "repository", "snapshot", "tree_size")
_CHECKED: Final = ("damaged", "objects", "ok")
_DRILLED: Final = ("model", "snapshot", "tree_size")
_RESTORED: Final = ("erased", "known", "repository", "snapshot", "tree_size")

KINDS: Final = (
    Kind("box:audit:start", "日志已打开。", "The log was opened.", ("size", "version")),
    Kind("box:audit:stop", "日志正常关闭。", "The log was closed in good order.", ("reason",)),
    Kind(
        "box:audit:unclean-stop",
        "上一次没有正常关闭。",
        "The log was not closed in good order the time before.",
        ("last_boot", "last_time"),
    ),
    Kind(
        "box:audit:gap",
        "日志曾无法写入,期间拒绝了若干事件。",
        "The log could not be written for a while and refused events.",
        ("reason", "refused"),
    ),
    Kind(
        "box:clock:step",
        "时钟跳变(微秒)。",
        "The wall clock jumped, in microseconds.",
        ("step_us",),
    ),
    Kind("settings:box:change", "设置与上次不同。", "Settings changed.", ("digest", "last_digest")),
    Kind("settings:box:load", "读入设置。", "The settings were read.", ("digest",)),
    Kind(
        "firmware:check:run",
        "固件检查已运行。",
        "The firmware checks ran.",
        ("digest", "failed", "posture"),
    ),
    Kind(
        "firmware:policy:act",
        "固件检查的后果:停止训练或锁定保险库。",
        "What followed from the checks: training stopped, or the vault locked.",
        ("consequence", "digest", "failed"),
    ),
    Kind(
        "audit:log:export",
        "导出审计记录。",
        "Entries were exported.",
        ("bodies", "filter", "first", "last", "patient"),
    ),
    Kind("audit:archive:make", "归档已写出并读回核对。", "An archive was made and read.", _ARCHIVE),
    Kind("audit:archive:prune", "归档后的记录移出库。", "Archived entries left.", _ARCHIVE),
    Kind(
        "audit:log:search",
        "检索审计记录。",
        "Somebody searches the record; by patient each time, else once an hour.",
        ("conditions", "patient"),
    ),
    Kind("audit:log:verify", "全量校验日志。", "The whole log was recomputed.", ("ok", "size")),
    Kind("access:session:open", "人员登录。", "A person signed in.", ("role",)),
    Kind("access:session:close", "会话结束。", "A session ended.", ("reason",)),
    Kind("access:session:refuse", "登录被拒绝。", "A sign-in was refused.", ("reason",)),
    Kind("access:key:create", "创建 API 密钥。", "An API key was made.", ("scopes",)),
    Kind("access:key:revoke", "吊销 API 密钥。", "An API key was revoked."),
    Kind(
        "access:key:refuse",
        "请求因密钥或权限被拒绝。",
        "A request was refused for its key or scope.",
        ("code",),
    ),
    Kind("access:user:create", "创建账号。", "A person was given an account.", ("role",)),
    Kind("access:user:change", "账号被更改。", "A person's account was changed.", ("change",)),
    Kind("access:session:revoke", "会话被终止。", "A session was ended by somebody.", ("session",)),
    Kind("access:key:change", "更改密钥限额。", "The limits of a key were changed.", ("limits",)),
    Kind("access:account:create", "创建服务账号。", "A service account was made.", ("role",)),
    Kind("access:account:change", "服务账号换角色。", "A service account changed role.", ("role",)),
    Kind("access:account:disable", "停用服务账号。", "A service account was disabled.", ("role",)),
    Kind("access:account:enable", "启用服务账号。", "A service account was enabled.", ("role",)),
    Kind("access:account:remove", "删除服务账号。", "A service account was removed.", ("role",)),
    Kind("access:role:define", "定义角色。", "A role was defined.", _ROLE),
    Kind("access:role:remove", "删除角色。", "A role was removed.", _ROLE),
    Kind("access:role:demand", "角色的动态口令要求。", "One-time codes of a role.", _ROLE),
    Kind("access:totp:enrol", "开始绑定动态口令。", "A second factor was begun."),
    Kind("access:totp:confirm", "动态口令已绑定。", "A second factor was confirmed."),
    Kind("access:totp:remove", "动态口令已解除。", "A second factor was removed."),
    Kind("access:totp:recover", "恢复码已使用。", "A recovery code was used up."),
    Kind("access:approval:request", "申请双人操作。", "A two-person action was asked for.", _TWO),
    Kind("access:approval:approve", "双人操作获批。", "A two-person action was approved.", _TWO),
    Kind("access:approval:cancel", "双人操作取消。", "A two-person action was cancelled.", _TWO),
    Kind("access:approval:execute", "双人操作已执行。", "A two-person action was executed.", _TWO),
    Kind("access:approval:fail", "双人操作未成。", "An approved action was refused.", _TWO),
    Kind("access:usage:export", "导出用量。", "Metered use was exported.", ("since", "until")),
    Kind(
        "access:certificate:issue",
        "签发客户端证书。",
        "A client certificate was issued.",
        ("key_id",),
    ),
    Kind("access:certificate:revoke", "吊销客户端证书。", "A client certificate was revoked."),
    Kind("access:directory:secret", "更换目录口令。", "The box's secret at a directory changed."),
    Kind("box:certificate:install", "安装证书。", "A certificate was installed.", ("reason",)),
    Kind("box:certificate:remove", "移除证书。", "A certificate was taken back.", ("reason",)),
    Kind("box:certificate:renew", "续签证书。", "The box renewed its certificate.", ("reason",)),
    Kind("vault:root:unlock", "保险库解锁。", "The vault was unlocked.", ("slot",)),
    Kind("vault:root:lock", "保险库锁定。", "The vault was locked.", ("slot",)),
    Kind(
        "vault:key:ask", "将轮换或销毁密钥。", "A key is about to be replaced or destroyed.", _KEY
    ),
    Kind("vault:key:done", "密钥已轮换或销毁。", "A key was replaced or destroyed.", _KEY),
    Kind("vault:key:refuse", "密钥未更改。", "A change of a key was refused.", _KEY),
    Kind("vault:slot:ask", "将更改开启方式。", "A slot is about to be changed or tried.", _SLOT),
    Kind("vault:slot:done", "开启方式已更改。", "A slot was changed or tried.", _SLOT),
    Kind("vault:slot:refuse", "开启方式未更改。", "A change of a slot was refused.", _SLOT),
    Kind("vault:volume:grow", "加密卷已扩容。", "The volume was enlarged.", ("after", "before")),
    Kind("vault:root:refuse", "口令或密钥错误(次数)。", "Secrets were refused.", ("count",)),
    Kind(
        "model:completion:accept",
        "请求已放行,交给引擎。",
        "A request passed all gates.",
        ("model", "route"),
    ),
    Kind("model:completion:answer", "回答已生成。", "An answer was written.", _ANSWER),
    Kind(
        "model:completion:fail",
        "已放行的请求没有得到回答。",
        "An accepted request came to no answer.",
        ("code", "model", "route"),
    ),
    Kind(
        "model:completion:turn-away",
        "引擎已满,请求被拒绝(每秒合计)。",
        "Requests found no place at a full engine, counted by the second.",
        ("code", "count", "model", "route"),
    ),
    Kind(
        "specialist:admission-note:draft",
        "入院记录草稿已生成并核对。",
        "An admission note was drafted and checked.",
        tuple(sorted((*_ANSWER, "extract_hash", "flags", "repairs"))),
    ),
    Kind("model:shelf:admit", "模型上架。", "A model was put on the shelf.", _SHELF),
    Kind("model:shelf:remove", "模型下架。", "A model was taken off the shelf.", _SHELF),
    Kind("model:shelf:verify", "重新校验模型文件。", "A model was rehashed.", _SHELF),
    Kind("model:engine:load", "加载模型。", "A model was loaded.", ("code",)),
    Kind("model:engine:unload", "卸载模型。", "A model was let go.", ("code",)),
    Kind("model:engine:evict", "为其他模型让出内存。", "It made room for another.", ("code",)),
    Kind("model:engine:fail", "模型加载失败。", "A model could not be loaded.", ("code",)),
    Kind("model:engine:pin", "模型常驻。", "A model was pinned.", ("code",)),
    Kind("model:engine:unpin", "取消模型常驻。", "A model was unpinned.", ("code",)),
    Kind("model:deployment:apply", "设置服务名。", "A served name was given targets.", _DEPLOYED),
    Kind("model:deployment:revert", "服务名恢复上一版。", "A served name was put back.", _DEPLOYED),
    Kind("model:deployment:drain", "服务名停止接收。", "A served name was drained.", _DEPLOYED),
    Kind("model:deployment:withdraw", "撤销服务名。", "A served name was withdrawn.", _DEPLOYED),
    Kind("model:adapter:register", "登记适配器。", "An adapter was registered.", _ADAPTER),
    Kind("model:adapter:approve", "批准适配器。", "An adapter was approved.", _ADAPTER),
    Kind("model:adapter:load", "加载适配器。", "An adapter was loaded.", _ADAPTER),
    Kind("model:adapter:promote", "适配器上线。", "An adapter was promoted.", _ADAPTER),
    Kind("model:adapter:revert", "适配器下线。", "An adapter was taken back.", _ADAPTER),
    Kind("model:adapter:remove", "删除适配器。", "An adapter was removed.", _ADAPTER),
    Kind("lease:hold:take", "占用资源。", "Memory and cores were lent.", _LEASE),
    Kind("lease:hold:yield", "请求让出资源。", "A holder was asked to give back.", _LEASE),
    Kind("lease:hold:release", "归还资源。", "A lease was given back.", _LEASE),
    Kind("lease:window:set", "更改运行时段。", "A purpose was given hours.", ("window",)),
    Kind("job:run:submit", "提交任务。", "A job was submitted.", _JOB),
    Kind("job:run:start", "任务开始。", "A job started.", _JOB),
    Kind("job:run:finish", "任务完成。", "A job finished.", _JOB),
    Kind("job:run:fail", "任务失败。", "A job failed.", _JOB),
    Kind("job:run:cancel", "任务取消。", "A job was cancelled.", _JOB),
    Kind("job:run:resume", "任务继续。", "A job was resumed.", _JOB),
    Kind(
        "tuning:run:finish",
        "训练完成。",
        "A training run finished.",
        ("base", "dataset", "recipe", "result"),
    ),
    Kind("evaluation:run:finish", "评测完成。", "An evaluation finished.", ("model", "report")),
    Kind("file:content:admit", "收下文件。", "A file was taken in.", ("digest",)),
    Kind("file:content:use", "任务开始使用文件。", "A job begins to read a file.", _USE),
    Kind("file:content:delete", "删除文件。", "A file was deleted.", ("digest",)),
    Kind("file:store:seal", "旧文件已逐个封存。", "Older files were sealed.", ("files", "left")),
    Kind("batch:run:create", "提交批处理。", "A batch was made.", _BATCH),
    Kind("batch:run:cancel", "取消批处理。", "A batch was cancelled.", _BATCH),
    Kind("batch:run:finish", "批处理结束。", "A batch came to rest.", _BATCH),
    Kind("model:response:keep", "保存回答以便续接。", "A response was kept."),
    Kind("model:response:delete", "删除保存的回答。", "A kept response was deleted."),
    Kind("cluster:member:found", "建立集群。", "A cluster was founded.", _CLUSTER),
    Kind("cluster:member:invite", "发出加入令牌。", "A join token was made.", _CLUSTER),
    Kind("cluster:member:admit", "接纳新成员。", "A box was let in.", _CLUSTER),
    Kind("cluster:member:join", "本机加入集群。", "This box joined a cluster.", _CLUSTER),
    Kind("cluster:member:leave", "离开集群。", "A box left the cluster.", _CLUSTER),
    Kind("cluster:member:lose", "成员失联。", "A box of the cluster vanished.", _CLUSTER),
    Kind("cluster:member:return", "成员恢复。", "A vanished box came back.", _CLUSTER),
    Kind("cluster:member:strike", "成员除名。", "A vanished box was struck.", _CLUSTER),
    Kind("cluster:model:share", "向其他机器开放模型。", "A model was shared.", ("address",)),
    Kind("cluster:model:withhold", "不再开放模型。", "A model is shared no more.", ("address",)),
    Kind("cluster:peer:ask", "请求交给另一台机器。", "Another box was asked.", _PEER),
    Kind("cluster:peer:serve", "替另一台机器作答。", "Another box was served.", _PEER),
    Kind("cluster:peer:refuse", "拒绝另一台机器。", "Another box was refused.", ("reason",)),
    Kind("backup:target:add", "添加备份目标。", "A backup target was added.", _TARGET),
    Kind("backup:target:remove", "移除备份目标。", "A backup target was removed.", _TARGET),
    Kind("backup:snapshot:create", "备份已完成。", "A snapshot was made.", _SNAPSHOT),
    Kind("backup:snapshot:fail", "备份操作失败。", "A backup failed.", ("code", "what")),
    Kind("backup:snapshot:forget", "删除旧快照。", "Old snapshots went.", ("freed", "snapshots")),
    Kind("backup:copy:verify", "备份已校验。", "A backup was checked.", _CHECKED),
    Kind("backup:copy:drill", "恢复演练通过。", "A restore was rehearsed.", _DRILLED),
    Kind("backup:box:restore", "本机由备份恢复。", "The box came out of a backup.", _RESTORED),
    *OUTSIDE,
    *BODIES,
    *UPDATES,
    Kind("alert:rule:raise", "告警触发。", "An alert was raised.", _ALERT),
    Kind("alert:rule:clear", "告警解除。", "An alert was cleared.", _ALERT),
    Kind("alert:rule:acknowledge", "告警已由人确认。", "A person took note of an alert.", _ALERT),
)


def reference_markdown() -> str:
    """The page docs/reference/audit-events.md."""
    lines = [
        "# 审计事件 Audit events",
        "",
        "由代码生成,请勿手改。 Generated from the code; do not edit.",
        "",
        "每条记录是一行规范 JSON(RFC 8785),字段为 `actor`、`boot`、`details`、`request_id`、`seq`、",
        "`subject`、`tag`、`time`(自 1970 年起的微秒,UTC,不倒退)。记录里没有提示词、回答或密钥。",
        "Every entry is one line of canonical JSON (RFC 8785) with the fields above; `time` counts",
        "microseconds since 1970 UTC and never runs backwards. No entry holds a prompt, an answer or a",
        "secret.",
        "",
        "| 标签 tag | 含义 meaning | 细节 details |",
        "|---|---|---|",
    ]
    for kind in KINDS:
        details = ", ".join(f"`{name}`" for name in kind.details) or "-"
        lines.append(f"| `{kind.tag}` | {kind.zh}<br>{kind.en} | {details} |")
    return "\n".join(lines) + "\n"
