"""Refusals of the planner: what was asked cannot be, and what could be instead."""

from models.errors import ModelsError


class Oversold(ModelsError):
    """Memory or cores that somebody else holds already."""

    code = "plan.oversold"
    zh = "{place} 已被占用:还需要 {needed},只剩 {free}。"
    en = "{place} is taken: {needed} more are needed, {free} are left."
    way_out_zh = "请先卸载其他模型或等待任务结束,再试一次。"
    way_out_en = "Unload another model or wait for a job to end, then try again."


class HolderKnown(ModelsError):
    """A holder that asks a second time without giving back what it has."""

    code = "plan.holder-known"
    zh = "{holder} 已经占有资源。"
    en = "{holder} already holds something."
    way_out_zh = "请先释放它已占有的部分。"
    way_out_en = "Release what it holds first."
