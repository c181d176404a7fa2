"""What does a request cost with Flask?"""

from scenario import Scenario, closed

SCENARIO = Scenario(
    question="What does a hello cost with Flask?",
    measure=closed(),
    kinds=("wsgi",),
    app="flask",
    more="What the framework takes is the same for all: the difference is the server.",
)
