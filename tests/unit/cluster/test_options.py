"""What a cluster can be set up with."""

from __future__ import annotations

from typing import Any

import pytest

from fastfork.cluster.options import RR, Options
from fastfork.errors import ConfigError


def test_what_is_not_named_stays() -> None:
    options = Options().with_more({"args": [1, "b"], "threads": 2}).with_more({"cwd": "/"})

    assert (options.args, options.cwd, options.exec) == (("1", "b"), "/", None)
    assert options.settings(dispatch=RR).threads == 2


def test_policy_is_the_clusters_unless_setup_says_another() -> None:
    assert Options().settings(dispatch="ip-hash").dispatch == "ip-hash"
    set_up = Options().with_more({"dispatch": "least-loaded"})
    assert set_up.settings(dispatch=RR).dispatch == "least-loaded"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"workers": 4}, "no setting 'workers'"),
        ({"bind": ":80"}, "no setting 'bind'"),
        ({"dispatch": "shared"}, "deals connections itself"),
        ({"keep_alive": "long"}, "keep_alive: 'long' can't be used"),
        ({"keep_alife": 1}, "did you mean keep_alive"),
    ],
)
def test_what_a_cluster_has_not_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Options().with_more(wrong)
