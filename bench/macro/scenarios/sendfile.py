"""What does a file cost?"""

from scenario import Scenario, closed

SCENARIO = Scenario(
    question="What does a file of 1 MB cost by wsgi.file_wrapper?",
    measure=closed(connections=4),
    kinds=("wsgi",),
    app="file",
)
