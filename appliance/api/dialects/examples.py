"""One example a route, for the OpenAPI document; the checks hold that each of them is taken."""

from typing import Any, Final

Json = dict[str, Any]
_ASK: Final = "右眼白内障,术前需要哪些检查?"
_LOOK: Final[Json] = {
    "type": "object",
    "properties": {"eye": {"enum": ["left", "right"]}},
    "required": ["eye"],
    "additionalProperties": False,
}
_NAME: Final = "look_up_eye"
_TOLD: Final = "查询一只眼的检查结果 Results of one eye"
_CALL: Final[Json] = {
    "id": "call_1",
    "type": "function",
    "function": {"name": _NAME, "arguments": '{"eye":"right"}'},
}

EXAMPLES: Final[dict[str, Json]] = {
    "/v1/chat/completions": {
        "model": "wardbox-reference",
        "messages": [
            {"role": "system", "content": "请简短回答。"},
            {"role": "user", "content": _ASK},
            {"role": "assistant", "content": None, "tool_calls": [_CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": "视力 0.3"},
        ],
        "tools": [
            {
                "type": "function",
                "function": {"name": _NAME, "description": _TOLD, "parameters": _LOOK},
            }
        ],
        "tool_choice": "auto",
        "max_tokens": 64,
        "temperature": 0.2,
        "seed": 1,
    },
    "/v1/completions": {"model": "wardbox-reference", "prompt": "主诉:", "max_tokens": 32},
    "/v1/responses": {
        "model": "wardbox-reference",
        "instructions": "请简短回答。",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": _ASK}]},
            {
                "type": "function_call",
                "call_id": "call_1",
                "name": _NAME,
                "arguments": '{"eye":"right"}',
            },
            {"type": "function_call_output", "call_id": "call_1", "output": "视力 0.3"},
        ],
        "tools": [{"type": "function", "name": _NAME, "description": _TOLD, "parameters": _LOOK}],
        "max_output_tokens": 64,
        "store": False,
    },
    "/v1/responses/input_tokens": {"model": "wardbox-reference", "input": _ASK},
    "/v1/messages": {
        "model": "wardbox-reference",
        "max_tokens": 64,
        "system": "请简短回答。",
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": _ASK}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "tool_use", "id": "call_1", "name": _NAME, "input": {"eye": "right"}}
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "call_1", "content": "视力 0.3"}
                ],
            },
        ],
        "tools": [{"name": _NAME, "description": _TOLD, "input_schema": _LOOK}],
        "tool_choice": {"type": "auto"},
        "stop_sequences": ["。"],
    },
    "/v1/messages/count_tokens": {
        "model": "wardbox-reference",
        "messages": [{"role": "user", "content": _ASK}],
    },
    "/v1/embeddings": {"input": [_ASK], "encoding_format": "float"},
    "/v1/rerank": {
        "query": _ASK,
        "documents": ["眼轴测量", {"text": "角膜内皮计数"}],
        "top_n": 1,
        "return_documents": True,
    },
    "/v2/rerank": {"query": _ASK, "documents": ["眼轴测量", "角膜内皮计数"], "top_n": 1},
    "/v1/score": {"text_1": _ASK, "text_2": ["眼轴测量", "角膜内皮计数"]},
    "/v1/moderations": {"input": _ASK},
    "/v1/tokenize": {"prompt": "右眼白内障", "return_token_strs": True},
    "/v1/detokenize": {"tokens": [4424, 4447]},
}
