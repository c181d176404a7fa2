"""What does an access log cost?"""

from scenario import Scenario, closed

SCENARIO = Scenario(
    question="What does an access log cost?",
    measure=closed(),
    drivers=("floor", "fastfork", "fastfork-access-log", "fastfork-access-json"),
    more="At most 15 % of a hello on a kept connection is allowed.",
)
