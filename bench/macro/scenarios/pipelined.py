"""What does a request cost when 16 come at once?"""

from scenario import Scenario, closed

SCENARIO = Scenario(
    question="What does a hello cost when 16 are sent at once?",
    measure=closed(depth=16, connections=10),
    kinds=("wsgi", "asgi", "hello"),
)
