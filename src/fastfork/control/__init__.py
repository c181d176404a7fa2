"""Steering a running server by its control socket."""

from __future__ import annotations

from fastfork.control.client import Client
from fastfork.control.protocol import ControlError

__all__ = ["Client", "ControlError"]
