"""What does a request cost with Flask?"""

from scenario import Scenario, closed

SCENARIO = Scenario(
    question="What does a hello cost with Flask?",
    measure=closed(),
    kinds=("wsgi",),
    app="flask",
    more="The framework is the same for all, but freastal 0.0.3 and fastpysgi 0.6 don't call close() of what "
    "it answers, as PEP 3333 demands: they are spared what the framework does at the end of a request.",
)
