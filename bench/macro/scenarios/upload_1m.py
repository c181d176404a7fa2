"""What does it cost to take 1 MB?"""

from scenario import Scenario, closed, post

SCENARIO = Scenario(
    question="What does an upload of 1 MB cost?",
    measure=closed(request=post(b"x" * (1 << 20)), connections=4),
    kinds=("wsgi", "asgi"),
    app="upload",
)
