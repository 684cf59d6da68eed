"""The help page: keys, signs and what each screen is for."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static
from typing_extensions import override

ROWS = (
    ("", "到处可用 everywhere"),
    ("F1–F5 / 1–5", "总览 overview · 病历 note · 任务 jobs · 审计 audit · 门禁 door"),
    ("F9–F12 / 6–9", "服务 serving · 密钥 keys · 更新 updates · 存储 storage"),
    ("Tab / Shift+Tab", "下一处 / 上一处 next / previous field"),
    ("Ctrl+R", "立即重试 try the box again now"),
    ("Ctrl+P", "命令与配色 commands and colours"),
    ("Esc", "离开输入框;关闭对话框 leave a field; close a dialog"),
    ("q / Ctrl+Q", "退出 quit (Ctrl+Q 在输入框内也可用 works inside a field too)"),
    ("h", "总览:安全态势 on the overview: the posture (c 检查 check, a 全部 all)"),
    ("", "病历 note"),
    ("F6 / F7", "填入示例 example / 起草 draft"),
    ("F8", "窄屏切换要素与病历 facts or note on a narrow screen"),
    ("↑ ↓", "逐句选择,看出处 choose a sentence, see its sources"),
    ("", "任务 jobs"),
    ("n / e", "新训练 train / 新评测 evaluate"),
    ("c / u", "取消 cancel / 续跑 resume"),
    ("", "服务 serving · 密钥 keys"),
    ("l / u / p", "加载 load / 卸载 unload / 常驻 pin"),
    ("n / l / r", "新建 new key / 限额 limits / 吊销 revoke"),
    ("b / x", "用量分组 group the use / 导出 export CSV"),
    ("", "存储 storage"),
    ("n / t", "添加开启方式 add a slot / 试用 test one"),
    ("s / r", "重新封装 TPM seal anew / 吊销 revoke"),
    ("b / v / d", "备份 back up / 核验 check / 演练 drill"),
    ("g / a / x", "如何恢复 how to restore / 添加、移除目标 add, forget a target"),
    ("h / k", "健康 health / 保险库密钥 keys of the vault"),
    ("", "更新 updates"),
    ("p / v / i", "计划 plan / 校验 verify / 应用 apply the chosen stick"),
    ("a / r", "指定目录 name a folder / 退回上一版 go back"),
    ("c / h", "取消 cancel / 健康检查 check the box"),
    ("", "保险库密钥 keys of the vault"),
    ("o / u", "更换根密钥 replace the root / 更换所选 the chosen key"),
    ("e", "永久销毁 destroy for good"),
    ("y / c", "批准、取消双人申请 approve, cancel a request"),
    ("", "审计 audit"),
    ("v / x / p", "核验 verify / 导出 export / 存在证明 inclusion proof"),
    ("c / w / k", "查回执 receipt / 见证与转发 witnesses / 取消导出 cancel the export"),
    ("b / l", "调阅正文 read the texts / 已有的导出 exports that lie here"),
    ("/ · Space", "筛选 filter · 暂停或继续 pause or follow"),
    ("", "符号 signs"),
    ("✔ ▲ ✖ ?", "正常 good · 注意 attention · 有问题 bad · 未知 unknown"),
)


class GuideDialog(ModalScreen[None]):
    """One page of keys."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,enter", "dismiss", "关闭 close"),
    ]

    @override
    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog") as page:
            for key, meaning in ROWS:
                if key:
                    yield Static(Content.assemble((f"{key:<16} ", "bold"), meaning))
                else:
                    yield Static(Content.assemble((meaning, "bold $primary")), classes="head")
        page.border_title = "帮助 Help"
        page.border_subtitle = "Esc 关闭 close"
