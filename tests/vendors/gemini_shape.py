"""The shape of Gemini's ``GenerateContentRequest``, from Google's API reference for REST.

ai.google.dev/api/generate-content and ai.google.dev/api/caching: Google refuses unknown names.
"""

from typing import Any, Literal, Required

from typing_extensions import TypedDict

_Object = dict[str, Any]


class Blob(TypedDict, total=False):
    mimeType: Required[str]
    data: Required[str]
    displayName: str


class FileData(TypedDict, total=False):
    mimeType: str
    fileUri: Required[str]


class FunctionCall(TypedDict, total=False):
    id: str
    name: Required[str]
    args: _Object


class FunctionResponseBlob(TypedDict, total=False):
    mimeType: Required[str]
    data: Required[str]


class FunctionResponsePart(TypedDict, total=False):
    inlineData: FunctionResponseBlob


class FunctionResponse(TypedDict, total=False):
    id: str
    name: Required[str]
    response: Required[_Object]
    parts: list[FunctionResponsePart]
    willContinue: bool
    scheduling: str


class Part(TypedDict, total=False):
    thought: bool
    thoughtSignature: str
    partMetadata: _Object
    mediaResolution: _Object
    text: str
    inlineData: Blob
    functionCall: FunctionCall
    functionResponse: FunctionResponse
    fileData: FileData
    executableCode: _Object
    codeExecutionResult: _Object
    videoMetadata: _Object


class Content(TypedDict, total=False):
    role: str
    parts: Required[list[Part]]


class FunctionDeclaration(TypedDict, total=False):
    name: Required[str]
    description: Required[str]
    behavior: str
    parameters: _Object
    parametersJsonSchema: Any
    response: _Object
    responseJsonSchema: Any


class Tool(TypedDict, total=False):
    functionDeclarations: list[FunctionDeclaration]
    googleSearch: _Object
    codeExecution: _Object
    urlContext: _Object


class FunctionCallingConfig(TypedDict, total=False):
    mode: Literal["MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"]
    allowedFunctionNames: list[str]


class ToolConfig(TypedDict, total=False):
    functionCallingConfig: FunctionCallingConfig
    retrievalConfig: _Object


class ThinkingConfig(TypedDict, total=False):
    includeThoughts: bool
    thinkingBudget: int
    thinkingLevel: Literal["MINIMAL", "LOW", "MEDIUM", "HIGH", "minimal", "low", "medium", "high"]


class GenerationConfig(TypedDict, total=False):
    stopSequences: list[str]
    responseMimeType: str
    responseSchema: _Object
    responseJsonSchema: Any
    responseModalities: list[str]
    candidateCount: int
    maxOutputTokens: int
    temperature: float
    topP: float
    topK: int
    seed: int
    presencePenalty: float
    frequencyPenalty: float
    responseLogprobs: bool
    logprobs: int
    enableEnhancedCivicAnswers: bool
    speechConfig: _Object
    thinkingConfig: ThinkingConfig
    imageConfig: _Object
    mediaResolution: str


class GenerateContentRequest(TypedDict, total=False):
    contents: Required[list[Content]]
    tools: list[Tool]
    toolConfig: ToolConfig
    safetySettings: list[_Object]
    systemInstruction: Content
    generationConfig: GenerationConfig
    cachedContent: str
    serviceTier: str
    store: bool


DATA = (  # of which a part has exactly one
    *("text", "inlineData", "functionCall", "functionResponse", "fileData"),
    *("executableCode", "codeExecutionResult"),
)
