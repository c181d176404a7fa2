"""What does a request cost with FastAPI?"""

from scenario import Scenario, closed

SCENARIO = Scenario(
    question="What does JSON cost with FastAPI?",
    measure=closed(),
    kinds=("asgi",),
    app="fastapi",
    more="What the framework takes is the same for all: the difference is the server.",
)
