"""What does an answer cost whose length is not known?"""

from scenario import Scenario, closed

SCENARIO = Scenario(
    question="What does 1 MB cost that is streamed in 16 parts, its length unknown?",
    measure=closed(connections=4),
    kinds=("wsgi", "asgi"),
    app="stream",
)
