"""The models of compliance."""

from compliance.models.standing import Standing, StandingState
from compliance.models.threshold import Finding, FindingState, Level, Measure, Mode, Threshold

__all__ = [
    "Finding",
    "FindingState",
    "Level",
    "Measure",
    "Mode",
    "Standing",
    "StandingState",
    "Threshold",
]
