"""All of them, by dialect and name."""

from tests.recorded.chat import CHAT
from tests.recorded.chat_elsewhere import ELSEWHERE
from tests.recorded.gemini import GEMINI
from tests.recorded.messages import MESSAGES
from tests.recorded.responses import RESPONSES
from tests.recorded.stream import Recorded

CORPUS: dict[str, list[Recorded]] = {
    "chat": [*CHAT, *ELSEWHERE],
    "messages": MESSAGES,
    "responses": RESPONSES,
    "gemini": GEMINI,
}
