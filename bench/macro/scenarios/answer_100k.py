"""What does an answer of 100 KB cost?"""

from scenario import Scenario, closed

SCENARIO = Scenario(
    question="What does an answer of 100 KB cost?",
    measure=closed(connections=10),
    kinds=("wsgi", "asgi"),
    app="large",
)
