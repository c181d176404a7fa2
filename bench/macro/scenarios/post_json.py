"""What does it cost to read JSON and answer JSON?"""

from scenario import Scenario, closed, post

import apps

SCENARIO = Scenario(
    question="What does it cost to read JSON and answer it?",
    measure=closed(request=post(apps.JSON, kind="application/json")),
    kinds=("wsgi", "asgi"),
    app="echo",
)
