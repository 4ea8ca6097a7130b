"""An answer before it is rendered: choices, their tokens and what they cost."""

import json
from collections.abc import Iterator

import msgspec

from sim.acting import step
from sim.behaviour import Behaviour
from sim.request import ChatRequest
from sim.structured import structured
from sim.text import UNSET_CLOCK, blocks, decoded, halves, letters, quoted, seed, tokens

CREATED = 1_750_000_000  # Unix seconds; fixed, so that an answer's bytes can be compared


class ToolCall(msgspec.Struct, frozen=True):
    """One tool call; ``pieces`` are the JSON string bodies of its arguments."""

    id: bytes
    name: bytes  # a JSON string, quotes included
    pieces: list[bytes]


class Choice(msgspec.Struct, frozen=True):
    """One choice. Every delta of it is one token, the opening of a tool call included."""

    reasoning: list[bytes]
    content: list[bytes]
    calls: list[ToolCall]
    finish: bytes

    @property
    def count(self) -> int:
        """How many tokens the choice has."""
        arguments = sum(1 + len(call.pieces) for call in self.calls)
        return len(self.reasoning) + len(self.content) + arguments

    def deltas(self) -> Iterator[bytes]:
        """The JSON objects of the choice's deltas, in order, the role's apart."""
        for piece in self.reasoning:
            yield b'{"content":null,"reasoning_content":"%b"}' % piece
        for piece in self.content:
            yield b'{"content":"%b"}' % piece
        for index, call in enumerate(self.calls):
            yield (
                b'{"tool_calls":[{"index":%d,"id":"%b","type":"function",'
                b'"function":{"name":%b,"arguments":""}}]}' % (index, call.id, call.name)
            )
            for piece in call.pieces:
                yield b'{"tool_calls":[{"index":%d,"function":{"arguments":"%b"}}]}' % (
                    index,
                    piece,
                )


class Answer(msgspec.Struct, frozen=True):
    """What the provider says to one call."""

    id: str
    model: str
    source: bytes  # the seed that all of the answer comes from
    prompt_tokens: int
    choices: list[Choice]
    cached: int = 0  # of the prompt's tokens

    @property
    def usage(self) -> bytes:
        """The ``usage`` object as JSON."""
        completion = sum(choice.count for choice in self.choices)
        reasoning = sum(len(choice.reasoning) for choice in self.choices)
        return (
            b'{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,'
            b'"prompt_tokens_details":{"cached_tokens":%d,"audio_tokens":0},'
            b'"completion_tokens_details":{"reasoning_tokens":%d,"audio_tokens":0,'
            b'"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}'
            % (
                *(self.prompt_tokens, completion, self.prompt_tokens + completion),
                *(self.cached, reasoning),
            )
        )


def compose(request: ChatRequest, behaviour: Behaviour, ordinal: int = 1) -> Answer:
    """The answer to call number ``ordinal`` with this model and prompt.

    Only the id differs from one ordinal to the next, as a provider's would; with ``vary``
    the text does too.
    """
    ever_new = (str(ordinal),) if behaviour.vary else ()
    source = seed(request.model, request.prompt, *ever_new)
    made_up = letters(seed(request.model, request.prompt, str(ordinal)), 29).decode()
    said = request.said if behaviour.prefill and request.choices == 1 else ""
    return Answer(
        id=behaviour.id or f"chatcmpl-{made_up}",
        model=request.model,
        source=source,
        prompt_tokens=request.prompt_tokens,
        choices=[
            _choice(request, behaviour, seed(source.hex(), str(index)), said)
            for index in range(request.choices)
        ],
        cached=min(behaviour.cached, request.prompt_tokens),
    )


def _choice(request: ChatRequest, behaviour: Behaviour, source: bytes, said: str) -> Choice:
    reasoning = tokens(seed(source.hex(), "reasoning"), behaviour.reasoning)
    content: list[bytes] = []
    calls: list[ToolCall] = []
    if behaviour.agent:
        content, calls = _acting(request, behaviour, source)
    elif behaviour.tools:
        calls = [
            _tool_call(request, behaviour, seed(source.hex(), "call", str(index)))
            for index in range(behaviour.parallel)
        ]
    else:
        if behaviour.clock:
            content = [UNSET_CLOCK] * behaviour.tokens
        elif request.schema is not None:
            content = structured(request.schema, tokens(source, behaviour.tokens))
        elif behaviour.size:
            content = blocks(source, behaviour.tokens, behaviour.size)
        else:
            content = tokens(source, behaviour.tokens, escape=behaviour.escape)
        if behaviour.bigchunk:
            content[:1] = [letters(source, behaviour.bigchunk)]
        content = _unsaid(content, said)
    finish = b"tool_calls" if calls else b"stop"
    whole = Choice(reasoning, content, calls, finish)
    return whole if request.cap is None else _capped(whole, request.cap)


def _acting(
    request: ChatRequest, behaviour: Behaviour, source: bytes
) -> tuple[list[bytes], list[ToolCall]]:
    """The text and the call of an agent's next step."""
    doing = step(request.messages, request.offered)
    words = tokens(source, behaviour.tokens)
    last = doing.result if doing.said is None else doing.said
    if last is not None:
        return [*words, *_pieces("\n\n" + last)], []
    if doing.call is None:
        return words, []
    name, arguments = doing.call
    number = sum(len(message.results) for message in request.messages)
    made_up = letters(seed(source.hex(), name, str(number)), 24)
    return words, [ToolCall(b"call_" + made_up, quoted(name), _pieces(json.dumps(arguments)))]


def _pieces(text: str, size: int = 12) -> list[bytes]:
    return [quoted(text[start : start + size])[1:-1] for start in range(0, len(text), size)]


def _tool_call(request: ChatRequest, behaviour: Behaviour, source: bytes) -> ToolCall:
    # The words need no escaping twice over, so the arguments are JSON however they are cut.
    pieces = [rb"{\"query\":\"", *tokens(source, behaviour.tokens), rb"\"}"]
    return ToolCall(b"call_" + letters(source, 24), quoted(request.tool), pieces)


def _unsaid(content: list[bytes], said: str) -> list[bytes]:
    """What is left of a text once its beginning was said; all of it if it does not begin so."""
    rest = halves(said)
    for index, token in enumerate(content):
        text = halves(decoded(token))
        if not rest.startswith(text):
            if not text.startswith(rest):
                return content
            tail = [quoted(text.removeprefix(rest))[1:-1]] if rest else [token]
            return tail + content[index + 1 :]
        rest = rest.removeprefix(text)
    return [] if not rest else content


def _capped(choice: Choice, cap: int) -> Choice:
    """The first ``cap`` tokens of a choice, as ``max_tokens`` leaves them."""
    if choice.count <= cap:
        return choice
    reasoning = choice.reasoning[:cap]
    left = cap - len(reasoning)
    content = choice.content[:left]
    left -= len(content)
    calls: list[ToolCall] = []
    for call in choice.calls:
        if left <= 0:
            break
        kept = ToolCall(call.id, call.name, call.pieces[: left - 1])
        calls.append(kept)
        left -= 1 + len(kept.pieces)
    return Choice(reasoning, content, calls, b"length")
