"""The reference of all settings, written from the model itself."""

import json
from pathlib import Path
from typing import Any, Final

from pydantic.fields import FieldInfo

from appliance.settings.reading import PREFIX, sections

_BOUNDS: Final = (
    ("ge", "≥ {}"),
    ("le", "≤ {}"),
    ("min_length", "长度 length ≥ {}"),
    ("max_length", "长度 length ≤ {}"),
    ("pattern", "`{}`"),
)


def reference_markdown() -> str:
    """The page docs/reference/settings.md: every key with meaning, unit, default and bounds."""
    lines = [
        "# 设置 Settings",
        "",
        "由代码生成,请勿手改。 Generated from the code; do not edit.",
        "",
        "设置写在状态目录的 `settings.toml` 中,环境变量优先;未知的键会被拒绝。设置里没有密钥或口令。",
        "Settings stand in `settings.toml` of the state directory; the environment comes before the",
        "file, unknown keys are refused, and no secret is ever a setting.",
    ]
    for section, model in sections():
        lines += ["", f"## [{section}]", ""]
        lines += ["| 键 key | 含义 meaning | 单位 unit | 默认 default | 范围 bounds | 环境变量 |"]
        lines += ["|---|---|---|---|---|---|"]
        lines += [_row(section, name, field) for name, field in model.model_fields.items()]
    return "\n".join(lines) + "\n"


def _row(section: str, name: str, field: FieldInfo) -> str:
    told: dict[str, Any] = (
        field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    )
    variable = f"{PREFIX}{section}__{name}".upper()
    cells = (
        f"`{name}`",
        f"{told['zh']}<br>{told['en']}",
        str(told["unit"]) or "-",
        f"`{_default(field.default)}`",
        _bounds(field) or "-",
        f"`{variable}`",
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(value: object) -> str:
    if isinstance(value, Path):
        value = str(value)
    return "-" if value is None else json.dumps(value, ensure_ascii=False)


def _bounds(field: FieldInfo) -> str:
    found: list[str] = []
    for constraint in field.metadata:
        for name, form in _BOUNDS:
            value = getattr(constraint, name, None)
            if value is not None:
                found.append(form.format(value))
    return ", ".join(found)
