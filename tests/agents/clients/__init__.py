"""The clients, by name, in the order that they are reported in."""

from tests.agents.clients.aider import AIDER
from tests.agents.clients.claude_code import CLAUDE_CODE, CLAUDE_CODE_OLD
from tests.agents.clients.client import Client
from tests.agents.clients.cline import CLINE
from tests.agents.clients.codex import CODEX
from tests.agents.clients.continue_cli import CONTINUE
from tests.agents.clients.frameworks import FRAMEWORKS
from tests.agents.clients.llm import LLM
from tests.agents.clients.opencode import OPENCODE
from tests.agents.clients.pi import PI
from tests.agents.clients.qwen_code import QWEN_CODE

CLIENTS: dict[str, Client] = {
    client.name: client
    for client in (
        CLAUDE_CODE,
        CLAUDE_CODE_OLD,
        CODEX,
        OPENCODE,
        PI,
        QWEN_CODE,
        CONTINUE,
        CLINE,
        AIDER,
        LLM,
        *FRAMEWORKS,
    )
}
