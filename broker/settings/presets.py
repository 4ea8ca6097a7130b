"""The providers that an API key in the environment switches on, without a configuration file.

``prefill`` is set where the provider's own documentation has all its chat models go on from
a partial answer. Where that differs from model to model (Together, Fireworks, OpenRouter) or
is not documented (OpenAI, xAI) it is not; a target may say otherwise.
"""

from broker.settings import Provider

PRESETS: dict[str, Provider] = {
    "openai": Provider(base_url="https://api.openai.com/v1", api_key_env="OPENAI_API_KEY"),
    "openai-responses": Provider(
        base_url="https://api.openai.com/v1", dialect="responses", api_key_env="OPENAI_API_KEY"
    ),
    # Its newer models refuse an assistant message last: platform.claude.com, "Errors".
    "anthropic": Provider(
        base_url="https://api.anthropic.com/v1",
        dialect="messages",
        api_key_env="ANTHROPIC_API_KEY",
    ),
    # An assistant message last, with prefix: docs.mistral.ai, "prefix" of AssistantMessage.
    "mistral": Provider(
        base_url="https://api.mistral.ai/v1", api_key_env="MISTRAL_API_KEY", prefill="prefix"
    ),
    # An assistant message last, for any text model: console.groq.com/docs/prompting.
    "groq": Provider(
        base_url="https://api.groq.com/openai/v1", api_key_env="GROQ_API_KEY", prefill=True
    ),
    # The same, at the address that has the chat API with its beta features and alone knows
    # prefix: api-docs.deepseek.com, "Chat Prefix Completion (Beta)".
    "deepseek": Provider(
        base_url="https://api.deepseek.com/beta", api_key_env="DEEPSEEK_API_KEY", prefill="prefix"
    ),
    "xai": Provider(base_url="https://api.x.ai/v1", api_key_env="XAI_API_KEY"),
    "together": Provider(base_url="https://api.together.xyz/v1", api_key_env="TOGETHER_API_KEY"),
    "fireworks": Provider(
        base_url="https://api.fireworks.ai/inference/v1", api_key_env="FIREWORKS_API_KEY"
    ),
    "openrouter": Provider(
        base_url="https://openrouter.ai/api/v1", api_key_env="OPENROUTER_API_KEY"
    ),
    "google": Provider(
        base_url="https://generativelanguage.googleapis.com/v1beta",
        dialect="gemini",
        api_key_env="GEMINI_API_KEY",
    ),
    "cohere": Provider(
        base_url="https://api.cohere.ai/compatibility/v1", api_key_env="COHERE_API_KEY"
    ),
    "perplexity": Provider(base_url="https://api.perplexity.ai", api_key_env="PERPLEXITY_API_KEY"),
    "huggingface": Provider(base_url="https://router.huggingface.co/v1", api_key_env="HF_TOKEN"),
}
