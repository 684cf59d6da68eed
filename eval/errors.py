"""Refusals of the evaluation: each a code, a sentence and a way out, in Chinese and English."""


class EvalError(Exception):
    """A refusal by the evaluation package."""

    code = "eval"
    zh = "评测未能进行。"
    en = "The evaluation cannot run."
    way_out_zh = "请查看任务详情。"
    way_out_en = "Look at the job's details."

    def __init__(self, **facts: object) -> None:
        self.facts = facts
        super().__init__(self.sentence)

    @property
    def sentence(self) -> str:
        """What is wrong, Chinese first."""
        return f"{self.zh.format(**self.facts)} {self.en.format(**self.facts)}"

    @property
    def way_out(self) -> str:
        """What to do about it, Chinese first."""
        return f"{self.way_out_zh.format(**self.facts)} {self.way_out_en.format(**self.facts)}"


class AbilityUnknown(EvalError):
    """No ability has this id."""

    code = "eval.ability-unknown"
    zh = "没有编号为 {ability!r} 的能力项。"
    en = "There is no ability {ability!r}."
    way_out_zh = "可用的能力项:{known}。"
    way_out_en = "Abilities at hand: {known}."


class EvalSpecInvalid(EvalError):
    """The specification of a run cannot be used."""

    code = "eval.spec-invalid"
    zh = "评测说明无法使用:{reason}。"
    en = "The evaluation's specification cannot be used: {reason}."
    way_out_zh = "请按 docs/reference 的说明改正后重新提交。"
    way_out_en = "Correct it as docs/reference describes and submit it again."


class ModelSilent(EvalError):
    """The model under test could not be reached, or refused every question."""

    code = "eval.model-silent"
    zh = "被测模型没有应答:{reason}。"
    en = "The model under test does not answer: {reason}."
    way_out_zh = "用 wardbox status 查看引擎;恢复后重新提交,已答的题不会重做。"
    way_out_en = "Check the engine with `wardbox status`, then resume; answered questions are kept."
