"""Pictures and files, in the words of each dialect; and where a tool's result can hold none.

There they are told in a turn of the user behind the results, with a word on whose they are. What a
provider does not take in the form in which it came is lost; if that is allowed, a note for the
model stands in for it.
"""

from collections.abc import Iterable
from typing import Any

from broker.dialects.neutral.losing import lose, terms
from broker.dialects.neutral.request import Document, Image, Text, ToolResult
from broker.dialects.neutral.writing.part import without_none
from broker.loss import Loss, shown

_PDF = "application/pdf"
_GOOGLES = ("https://generativelanguage.googleapis.com/", "gs://")
_FILE = "document.pdf"  # a file that its sender gave no name

Attachment = Image | Document


def apart(results: Iterable[ToolResult]) -> tuple[list[ToolResult], list[Text | Attachment]]:
    """Results of text alone, and what a turn of the user tells behind them: empty if nothing."""
    texts: list[ToolResult] = []
    behind: list[Text | Attachment] = []
    for result in results:
        said: list[str] = []
        held = [part for part in map(as_text, result.parts) if not isinstance(part, Text)]
        for part in map(as_text, result.parts):
            said += [part.text] if isinstance(part, Text) else []
        if not held:
            texts.append(result)
            continue
        said.append(f"[{_counted(held)} of this result: see the next message]")
        whole = Text("\n\n".join(text for text in said if text))
        texts.append(ToolResult(result.id, (whole,), result.failed, result.at))
        behind += [Text(f"[{_counted(held)} of the result of tool call {result.id}]"), *held]
    return texts, behind


def _counted(held: list[Attachment]) -> str:
    pictures = sum(isinstance(part, Image) for part in held)
    words = [(pictures, "picture"), (len(held) - pictures, "file")]
    return " and ".join(f"{n} {word}{'s' * (n > 1)}" for n, word in words if n)


def as_text(part: Any) -> Any:
    """A document that is text as one; anything else as it is."""
    if not isinstance(part, Document) or part.text is None:
        return part
    head = [f"Document: {part.name}" if part.name else "", part.about or ""]
    return Text("\n\n".join(filter(None, [*head, part.text])))


def chat_file(part: Document) -> dict[str, Any]:
    """A content part of chat."""
    if not terms().quirks.files:
        return _note(_lost(part, "this provider takes no files"))
    if part.url:
        return _note(_lost(part, "chat takes a file as data, not from a URL", part.url))
    data = f"data:{part.media_type};base64,{part.data}"
    return {"type": "file", "file": {"filename": part.name or _FILE, "file_data": data}}


def responses_file(part: Document) -> dict[str, Any]:
    """A content part of responses."""
    if part.url:
        return {"type": "input_file", "file_url": part.url}
    data = f"data:{part.media_type};base64,{part.data}"
    return {"type": "input_file", "filename": part.name or _FILE, "file_data": data}


def messages_document(part: Document) -> dict[str, Any]:
    """A content block of messages."""
    if part.text is not None:
        source = {"type": "text", "media_type": "text/plain", "data": part.text}
    elif part.url:
        source = {"type": "url", "url": part.url}
    elif part.media_type == _PDF:
        source = {"type": "base64", "media_type": _PDF, "data": part.data}
    else:
        reason = "the messages dialect takes PDFs and plain text"
        return _note(_lost(part, reason, part.media_type))
    fields = {"source": source, "title": part.name or None, "context": part.about or None}
    return {"type": "document", **without_none(fields)}


def gemini_part(part: Attachment) -> dict[str, Any]:
    """A part of Gemini's contents."""
    if not part.url:
        return {"inlineData": {"mimeType": part.media_type, "data": part.data}}
    if part.url.startswith(_GOOGLES):
        return {"fileData": {"fileUri": part.url}}
    return {"text": _lost(part, "Gemini takes it as data, not from a URL", part.url)}


def _note(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _lost(part: Attachment, reason: str, value: str = "") -> str:
    """The note for the model in place of what is lost."""
    setting = "images" if isinstance(part, Image) else "documents"
    told = shown(value) if value else ""
    lose(Loss(part.at or "messages", reason, told, "value", setting=setting))
    return "[A picture was left out]" if isinstance(part, Image) else "[A file was left out]"
