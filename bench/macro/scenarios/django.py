"""What does a request cost with Django?"""

from scenario import Scenario, closed

SCENARIO = Scenario(
    question="What does a hello cost with Django?",
    measure=closed(),
    kinds=("wsgi",),
    app="django",
    more="What the framework takes is the same for all: the difference is the server.",
)
