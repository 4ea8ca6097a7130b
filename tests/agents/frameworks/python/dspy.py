"""dspy: its LM takes the base URL and headers; the calls are litellm's."""

from pathlib import Path

import common
import dspy

model = dspy.LM(
    f"openai/{common.MODEL}",
    api_base=common.BASE_URL,
    api_key=common.KEY,
    extra_headers=common.HEADERS,
    cache=False,
)
dspy.configure(lm=model)
with Path("made.txt").open("a") as made:
    print(dspy.Predict("question -> answer")(question=common.PROMPT).answer, file=made)
