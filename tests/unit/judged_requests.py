"""For each rule of each vendor a request that breaks it; and one a dialect that breaks none.

A change is a path in the good request and what stands there instead; None: nothing.
"""

import copy
import json
import re
from typing import Any

Body = dict[str, Any]
Change = dict[str, Any]
_STEP = re.compile(r"([^.\[\]]+)|\[(-?\d+)\]")
_PORT = {"type": "object", "properties": {"port": {"type": "string"}}}
_STRICT = {**_PORT, "required": ["port"], "additionalProperties": False}
_DATA = "aGk="

GOOD: dict[str, Body] = {
    "messages": {
        "model": "m",
        "max_tokens": 4096,
        "system": "Be brief.",
        "tools": [{"name": "tide", "input_schema": _PORT}],
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "Hi"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png",
                                             "data": _DATA}}]},
            {"role": "assistant", "content": [
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "toolu_1", "name": "tide", "input": {}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "high"},
                {"type": "text", "text": "And?"}]},
        ],
    },
    "chat": {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": None, "tool_calls": [
                {"id": "abcdefgh1", "type": "function",
                 "function": {"name": "tide", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "abcdefgh1", "content": "high"},
        ],
        "tools": [{"type": "function", "function": {"name": "tide", "parameters": _PORT}}],
        "stream": True,
    },
    "responses": {
        "model": "m",
        "store": False,
        "input": [
            {"role": "user", "content": "Hi"},
            {"type": "function_call", "call_id": "call_1", "name": "tide", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "call_1", "output": "high"},
            {"role": "assistant", "content": [{"type": "output_text", "text": "It is."}]},
            {"role": "user", "content": [{"type": "input_text", "text": "And?"}]},
        ],
        "tools": [{"type": "function", "name": "tide", "parameters": _PORT, "strict": False}],
    },
    "gemini": {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Hi"}]},
            {"role": "model", "parts": [
                {"functionCall": {"name": "tide", "args": {}},
                 "thoughtSignature": "skip_thought_signature_validator"}]},
            {"role": "user", "parts": [
                {"functionResponse": {"name": "tide", "response": {"output": "high"}}}]},
        ],
        "tools": [{"functionDeclarations": [
            {"name": "tide", "description": "x", "parametersJsonSchema": _PORT}]}],
    },
}  # fmt: skip

# Vendor and model, the rule, and the change that breaks it.
BROKEN: list[tuple[str, str, Change]] = [
    # ── Anthropic ──────────────────────────────────────────────────────────────────────
    ("anthropic/claude-opus-4-8", "shape", {"seed": 1}),
    ("anthropic/claude-opus-4-8", "shape", {"tools[0].input_schema": None}),
    ("anthropic/claude-opus-4-8", "max_tokens", {"max_tokens": 0}),
    ("anthropic/claude-opus-4-8", "some turns", {"messages": []}),
    ("anthropic/claude-opus-4-8", "nothing empty", {"messages[0].content": []}),
    ("anthropic/claude-opus-4-8", "nothing empty", {"messages[0].content": ""}),
    ("anthropic/claude-opus-4-8", "blank texts", {"messages[0].content[0].text": "\n"}),
    ("anthropic/claude-opus-4-8", "blank texts", {"system": " "}),
    ("anthropic/claude-opus-4-8", "blank texts",
     {"messages[2].content[0].content": [{"type": "text", "text": ""}]}),
    ("anthropic/claude-haiku-4-5", "the last turn's white space",
     {"messages[3]": {"role": "assistant", "content": "So "}}),
    ("anthropic/claude-opus-4-6", "prefill",
     {"messages[3]": {"role": "assistant", "content": "So"}}),
    ("anthropic/claude-opus-4-8", "ids of calls",
     {"messages[1].content[1].id": "functions.tide:0",
      "messages[2].content[0].tool_use_id": "functions.tide:0"}),
    ("anthropic/claude-opus-4-8", "ids apart",
     {"messages[1].content[2]": {"type": "tool_use", "id": "toolu_1", "name": "tide",
                                 "input": {}}}),
    ("anthropic/claude-opus-4-8", "calls and results", {"messages[2].content": "no"}),
    ("anthropic/claude-opus-4-8", "results and calls",
     {"messages[2].content[0].tool_use_id": "toolu_2"}),
    ("anthropic/claude-opus-4-8", "results first",
     {"messages[2].content": [{"type": "text", "text": "So"},
                              {"type": "tool_result", "tool_use_id": "toolu_1"}]}),
    ("anthropic/claude-opus-4-8", "whose blocks",
     {"messages[0].content[0]": {"type": "tool_use", "id": "x", "name": "tide", "input": {}}}),
    ("anthropic/claude-opus-4-7", "system turns",
     {"messages[3]": {"role": "system", "content": "Now."}}),
    ("anthropic/claude-opus-4-8", "where system turns stand",
     {"messages[0]": {"role": "system", "content": "Now."}}),
    ("anthropic/claude-opus-4-8", "names of tools", {"tools[0].name": "a.b"}),
    ("anthropic/claude-opus-4-8", "tools apart",
     {"tools[1]": {"name": "tide", "input_schema": _PORT}}),
    ("anthropic/claude-opus-4-8", "a tool's schema", {"tools[0].input_schema": {}}),
    ("anthropic/claude-opus-4-8", "choices of schemas",
     {"tools[0].input_schema": {"type": "object", "anyOf": [_PORT]}}),
    ("anthropic/claude-opus-4-8", "strict tools", {"tools[0].strict": True}),
    ("anthropic/claude-opus-4-8", "output's schema",
     {"output_config": {"format": {"type": "json_schema", "schema": _PORT}}}),
    ("anthropic/claude-opus-4-8", "output's schema",
     {"output_config": {"format": {"type": "json_schema", "schema": {
         "type": "string", "minLength": 1}}}}),
    ("anthropic/claude-opus-4-8", "output's schema",
     {"output_config": {"format": {"type": "json_schema", "schema": {
         "type": "array", "items": {"type": "string"}, "minItems": 2}}}}),
    ("anthropic/claude-opus-4-8", "tool choice", {"tool_choice": {"type": "tool", "name": "x"}}),
    ("anthropic/claude-opus-4-8", "pictures",
     {"messages[0].content[1].source.media_type": "image/tiff"}),
    ("anthropic/claude-opus-4-8", "user's id", {"metadata": {"user_id": "x" * 257}}),
    ("anthropic/claude-opus-4-8", "stop sequences", {"stop_sequences": ["\n\n"]}),
    ("anthropic/claude-opus-4-8", "signatures",
     {"messages[1].content[0]": {"type": "thinking", "thinking": "Hm",
                                 "signature": "streamhold:gemini::x"}}),
    ("anthropic/claude-opus-4-8", "signatures",
     {"messages[1].content[0]": {"type": "redacted_thinking", "data": "x"}}),
    ("anthropic/claude-haiku-4-5", "a budget",
     {"thinking": {"type": "enabled", "budget_tokens": 512}}),
    ("anthropic/claude-haiku-4-5", "a budget",
     {"thinking": {"type": "enabled", "budget_tokens": 4096}}),
    ("anthropic/claude-opus-4-7", "kinds of thinking",
     {"thinking": {"type": "enabled", "budget_tokens": 2048}}),
    ("anthropic/claude-opus-4-5", "kinds of thinking", {"thinking": {"type": "adaptive"}}),
    ("anthropic/claude-opus-5-5", "kinds of thinking", {"thinking": {"type": "disabled"}}),
    ("anthropic/claude-sonnet-5-5", "kinds of thinking", {"thinking": {"type": "disabled"}}),
    ("anthropic/claude-opus-5-5", "forced tools", {"tool_choice": {"type": "any"}}),
    ("anthropic/claude-haiku-4-5", "effort", {"output_config": {"effort": "low"}}),
    ("anthropic/claude-opus-4-6", "effort", {"output_config": {"effort": "xhigh"}}),
    ("anthropic/claude-opus-4-6", "thinking and forced tools",
     {"thinking": {"type": "adaptive"}, "tool_choice": {"type": "any"}}),
    ("anthropic/claude-opus-4-6", "thinking and sampling",
     {"thinking": {"type": "adaptive"}, "temperature": 0.5}),
    ("anthropic/claude-opus-4-6", "thinking and sampling",
     {"thinking": {"type": "adaptive"}, "top_k": 5}),
    ("anthropic/claude-opus-4-6", "temperature", {"temperature": 1.5}),
    ("anthropic/claude-opus-4-6", "either", {"temperature": 0.5, "top_p": 0.9}),
    ("anthropic/claude-opus-4-7", "no sampling", {"temperature": 0.5}),
    ("anthropic/claude-opus-4-8", "no sampling", {"top_k": 5}),
    ("anthropic/claude-haiku-4-5", "thinking first",
     {"thinking": {"type": "enabled", "budget_tokens": 2048}}),
    # ── OpenAI's chat ──────────────────────────────────────────────────────────────────
    ("openai/gpt-5.2", "shape", {"messages[2].reasoning_content": "Hm"}),
    ("openai/gpt-5.2", "shape", {"top_k": 5}),
    ("openai/gpt-5.2", "some turns", {"messages": []}),
    ("openai/gpt-5.2", "nothing empty", {"messages[3].content": []}),
    ("openai/gpt-5.2", "content", {"messages[1].content": None}),
    ("openai/gpt-5.2", "ids of calls",
     {"messages[2].tool_calls[0].id": "x" * 65, "messages[3].tool_call_id": "x" * 65}),
    ("openai/gpt-5.2", "calls and results", {"messages[3]": {"role": "user", "content": "And?"}}),
    ("openai/gpt-5.2", "results and calls", {"messages[3].tool_call_id": "abcdefgh2"}),
    ("openai/gpt-5.2", "names of functions", {"tools[0].function.name": "x" * 65}),
    ("openai/gpt-5.2", "names of functions", {"messages[2].tool_calls[0].function.name": "a.b"}),
    ("openai/gpt-5.2", "a function's schema", {"tools[0].function.parameters": {}}),
    ("openai/gpt-5.2", "lists in schemas",
     {"tools[0].function.parameters.properties.port": {"type": "array"}}),
    ("openai/gpt-5.2", "strict functions", {"tools[0].function.strict": True}),
    ("openai/gpt-5.2", "tool choice",
     {"tool_choice": {"type": "function", "function": {"name": "x"}}}),
    ("openai/gpt-5.2", "tool choice", {"tools": None, "parallel_tool_calls": False}),
    ("openai/gpt-5.2", "JSON in words", {"response_format": {"type": "json_object"}}),
    ("openai/gpt-5.2", "output's schema",
     {"response_format": {"type": "json_schema", "json_schema": {
         "name": "x", "schema": _PORT, "strict": True}}}),
    ("openai/gpt-5.2", "output's schema",
     {"response_format": {"type": "json_schema", "json_schema": {"name": "a b", "schema": {}}}}),
    ("openai/gpt-4.1", "stop", {"stop": list("abcde")}),
    ("openai/gpt-4.1", "effort", {"reasoning_effort": "low"}),
    ("openai/o4-mini", "effort", {"reasoning_effort": "minimal"}),
    ("openai/gpt-5-mini", "sampling", {"temperature": 0.5}),
    ("openai/gpt-5.2", "sampling", {"stop": ["END"], "reasoning_effort": "low"}),
    ("openai/gpt-5.2", "length of a reasoning model", {"max_tokens": 9}),
    ("openai/gpt-5.2", "pictures",
     {"messages[1].content": [{"type": "image_url", "image_url": {"url": "data:image/png,x"}}]}),
    ("openai/gpt-5.2", "names of participants", {"messages[1].name": "a b"}),
    ("openai/gpt-5.2", "user", {"user": "x" * 65}),
    # ── OpenAI's responses ─────────────────────────────────────────────────────────────
    ("openai-responses/gpt-5.2", "shape", {"stop": ["END"]}),
    ("openai-responses/gpt-5.2", "some input", {"input": []}),
    ("openai-responses/gpt-5.2", "ids of calls",
     {"input[1].call_id": "x" * 65, "input[2].call_id": "x" * 65}),
    ("openai-responses/gpt-5.2", "calls and results", {"input[2]": None}),
    ("openai-responses/gpt-5.2", "results and calls", {"input[2].call_id": "call_2"}),
    ("openai-responses/gpt-5.2", "sealed reasoning",
     {"input[3]": {"id": "rs_1", "type": "reasoning", "summary": [],
                   "encrypted_content": "streamhold:messages::x"}}),
    ("openai-responses/gpt-5.2", "reasoning that is not kept",
     {"input[3]": {"id": "rs_1", "type": "reasoning", "summary": []}}),
    ("openai-responses/gpt-5.2", "reasoning is followed",
     {"input[3]": {"id": "rs_1", "type": "reasoning", "summary": []}}),
    ("openai-responses/gpt-4.1", "reasoning for models that reason",
     {"input[3]": {"id": "rs_1", "type": "reasoning", "summary": []}}),
    ("openai-responses/gpt-5.2", "ids of items", {"input[1].id": "call_1"}),
    ("openai-responses/gpt-5.2", "whose content",
     {"input[3].content[0]": {"type": "input_text", "text": "It is."}}),
    ("openai-responses/gpt-5.2", "nothing empty", {"input[2].output": []}),
    ("openai-responses/gpt-5.2", "names of functions", {"input[1].name": "a.b"}),
    ("openai-responses/gpt-5.2", "names of functions", {"tools[0].name": "x" * 65}),
    ("openai-responses/gpt-5.2", "a function's schema", {"tools[0].parameters": {}}),
    ("openai-responses/gpt-5.2", "a function's schema", {"tools[0].strict": True}),
    ("openai-responses/gpt-5.2", "lists in schemas",
     {"tools[0].parameters.properties.port": {"type": "array"}}),
    ("openai-responses/gpt-5.2", "tool choice",
     {"tool_choice": {"type": "function", "name": "x"}}),
    ("openai-responses/gpt-5.2", "least length", {"max_output_tokens": 5}),
    ("openai-responses/gpt-5.2", "JSON in words",
     {"instructions": "Answer in JSON.", "text": {"format": {"type": "json_object"}}}),
    ("openai-responses/gpt-5.2", "output's schema",
     {"text": {"format": {"type": "json_schema", "name": "x", "schema": _PORT, "strict": True}}}),
    ("openai-responses/gpt-4.1", "effort", {"reasoning": {"effort": "low"}}),
    ("openai-responses/gpt-4.1", "effort", {"include": ["reasoning.encrypted_content"]}),
    ("openai-responses/o4-mini", "sampling", {"temperature": 0.5}),
    ("openai-responses/gpt-5.2", "pictures",
     {"input[4].content[0]": {"type": "input_image", "image_url": "x", "detail": "auto"}}),
    ("openai-responses/gpt-5.2", "user", {"user": "x" * 65}),
    # ── Google ─────────────────────────────────────────────────────────────────────────
    ("google/gemini-3-pro-preview", "shape", {"contents[0].parts[0].detail": "low"}),
    ("google/gemini-3-pro-preview", "some turns", {"contents": []}),
    ("google/gemini-3-pro-preview", "nothing empty", {"contents[0].parts": []}),
    ("google/gemini-3-pro-preview", "one datum a part", {"contents[0].parts[0].text": ""}),
    ("google/gemini-3-pro-preview", "one datum a part", {"contents[0].parts[0]": {}}),
    ("google/gemini-3-pro-preview", "roles", {"contents[0].role": "system"}),
    ("google/gemini-3-pro-preview", "whose parts", {"contents[1].role": "user"}),
    ("google/gemini-3-pro-preview", "calls and responses",
     {"contents[2].parts[0].functionResponse.name": "wind"}),
    ("google/gemini-3-pro-preview", "responses and calls",
     {"contents[1].parts": [{"text": "So"}]}),
    ("google/gemini-3-pro-preview", "where calls stand", {"contents[0].role": "model"}),
    ("google/gemini-3-pro-preview", "signatures of calls",
     {"contents[1].parts[0].thoughtSignature": None}),
    ("google/gemini-2.5-pro", "whose signatures",
     {"contents[1].parts[0].thoughtSignature": "streamhold:messages::x"}),
    ("google/gemini-3-pro-preview", "names of functions",
     {"tools[0].functionDeclarations[0].name": "1x"}),
    ("google/gemini-3-pro-preview", "functions apart",
     {"tools[0].functionDeclarations[1]": {"name": "tide", "description": "x"}}),
    ("google/gemini-3-pro-preview", "a function's schema",
     {"tools[0].functionDeclarations[0].parametersJsonSchema": {}}),
    ("google/gemini-3-pro-preview", "allowed functions",
     {"toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["x"]}}}),
    ("google/gemini-2.5-flash", "JSON beside tools",
     {"generationConfig": {"responseMimeType": "application/json"}}),
    ("google/gemini-2.5-pro", "thinking budget",
     {"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}}),
    ("google/gemini-2.5-flash", "thinking budget",
     {"generationConfig": {"thinkingConfig": {"thinkingBudget": 30000}}}),
    ("google/gemini-2.0-flash", "thinking budget",
     {"generationConfig": {"thinkingConfig": {"includeThoughts": True}}}),
    ("google/gemini-3-pro-preview", "budget or level",
     {"generationConfig": {"thinkingConfig": {"thinkingBudget": 512, "thinkingLevel": "low"}}}),
    ("google/gemini-3-pro-preview", "stop sequences",
     {"generationConfig": {"stopSequences": list("abcdef")}}),
    ("google/gemini-3-pro-preview", "temperature", {"generationConfig": {"temperature": 2.5}}),
    ("google/gemini-3-pro-preview", "files",
     {"contents[0].parts[0]": {"fileData": {"fileUri": "https://x.example/a.png"}}}),
    # ── OpenAI's kin ───────────────────────────────────────────────────────────────────
    ("mistral/mistral-large-latest", "ids of calls",
     {"messages[2].tool_calls[0].id": "call_1", "messages[3].tool_call_id": "call_1"}),
    ("mistral/mistral-large-latest", "fields", {"messages[2].reasoning_content": "Hm"}),
    ("mistral/mistral-large-latest", "fields", {"user": "bob"}),
    ("mistral/mistral-large-latest", "fields", {"messages[0].role": "developer"}),
    ("mistral/mistral-large-latest", "order", {"messages[4]": {"role": "user", "content": "And?"}}),
    ("mistral/mistral-large-latest", "the last turn",
     {"messages[4]": {"role": "assistant", "content": "So"}}),
    ("mistral/mistral-large-latest", "content", {"messages[4]": {"role": "assistant",
                                                                "content": ""}}),
    ("deepseek/deepseek-reasoner", "reasoning of calls", {}),
    ("deepseek/deepseek-reasoner", "roles",
     {"messages[2].reasoning_content": "", "messages[0].role": "developer"}),
    ("deepseek/deepseek-reasoner", "text alone",
     {"messages[2].reasoning_content": "", "messages[1].content": [
         {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}]}),
    ("groq/openai/gpt-oss-120b", "reasoning sent back", {"messages[2].reasoning_content": "Hm"}),
    ("vllm/Qwen/Qwen3.6-27B", "one system message",
     {"messages[1]": {"role": "system", "content": "And so."}}),
    ("vllm/Qwen/Qwen3.6-27B", "roles", {"messages[0].role": "developer"}),
]  # fmt: skip


def changed(body: Body, changes: Change) -> Body:
    """A copy of a request with these changes."""
    found = copy.deepcopy(body)
    for path, value in changes.items():
        steps = [name or int(index) for name, index in _STEP.findall(path)]
        inner: Any = found
        for step in steps[:-1]:
            inner = inner[step]
        last = steps[-1]
        if isinstance(inner, list) and last == len(inner):
            inner.append(json.loads(json.dumps(value)))
        elif value is None and isinstance(inner, list):
            del inner[last]
        elif value is None and last != "content":
            inner.pop(last, None)
        else:
            inner[last] = json.loads(json.dumps(value))
    return found
