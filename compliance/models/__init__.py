"""The models of compliance."""

from compliance.models.standing import Standing, StandingState

__all__ = ["Standing", "StandingState"]
