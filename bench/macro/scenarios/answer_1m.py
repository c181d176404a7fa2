"""What does an answer of 1 MB cost?"""

from scenario import Scenario, closed

SCENARIO = Scenario(
    question="What does an answer of 1 MB cost?",
    measure=closed(connections=4),
    kinds=("wsgi", "asgi"),
    app="huge",
)
