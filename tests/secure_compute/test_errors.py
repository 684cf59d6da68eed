"""Refusals speak both languages, name a code once, and every reason has its Chinese."""

import ast
import string
from pathlib import Path

import secure_compute
from secure_compute import errors, slot_errors
from secure_compute.errors import InputRefused, ProofInvalid, SecureComputeError
from secure_compute.reasons import REASONS_ZH

KINDS = [
    kind
    for module in (errors, slot_errors)
    for kind in vars(module).values()
    if isinstance(kind, type) and kind.__module__ == module.__name__
]


def _gaps(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_kind_has_a_code_both_sentences_and_a_way_out():
    kinds = [kind for kind in KINDS if kind is not SecureComputeError]
    assert len({kind.code for kind in kinds}) == len(kinds) > 15
    for kind in kinds:
        assert kind.code.startswith("secure.")
        assert kind.zh.endswith("。")
        assert kind.en.endswith(".")
        assert kind.way_out_zh.endswith("。")
        assert kind.way_out_en.endswith(".")
        assert kind.__doc__


def _given_reasons() -> set[str]:
    found = set()
    for path in Path(secure_compute.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            keywords = {keyword.arg: keyword.value for keyword in node.keywords}
            if "reason" in keywords and "reason_zh" not in keywords:
                found.add(keywords["reason"])
            if isinstance(node.func, ast.Name) and node.func.id in {"_require", "require"}:
                found.add(node.args[1])
    return {
        value.value if isinstance(value, ast.Constant) else ast.unparse(value) for value in found
    }


def test_every_reason_is_a_phrase_with_its_chinese():
    given = _given_reasons() - {"reason"} | {"{size} leaves cannot have {peaks} peaks"}
    assert given == set(REASONS_ZH)
    for english, chinese in REASONS_ZH.items():
        assert _gaps(english) == _gaps(chinese), english


def test_facts_fill_gaps_and_are_never_taken_for_gaps():
    error = InputRefused(
        reason="column {name} holds values beyond {limit}", name="{limit} {0}", limit=8
    )
    assert "column {limit} {0} holds values beyond 8" in str(error)
    assert "列 {limit} {0} 有绝对值超过 8 的数值" in str(error)
    assert (
        "没有第 9 片"
        in ProofInvalid(reason="leaf {index} of {size} does not exist", index=9, size=3).sentence
    )
    assert error.way_out
    assert "{broken" in str(InputRefused(reason="text of another room {broken"))
