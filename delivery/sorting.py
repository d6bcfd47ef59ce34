"""Putting the mail of the group "other" into the lanes where it belongs, once that is known."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.utils import timezone

from delivery import claims, destinations
from delivery.claims import Claimed
from delivery.destinations import Finding
from wire.letters import Letter


def sort_out(items: Sequence[Claimed], *, token: str, now: datetime) -> list[Claimed]:
    """Move those whose domain is known by now to belong elsewhere; the others stay."""
    known = destinations.known({item.domain.lower() for item in items}, now=now)
    targets = {item.id: known.get(item.domain.lower(), "") for item in items}
    targets = {key: slug for key, slug in targets.items() if slug}
    destinations.move(targets=targets, token=token)
    return [item for item in items if item.id not in targets]


class Sorting:
    """Finds the domains that do not belong into a lane, while its batch looks up their hosts.

    `patterns` of other lanes' MX hosts; none when every domain of the lane belongs there.
    """

    def __init__(self, patterns: Mapping[str, Sequence[str]]) -> None:
        self._patterns = patterns
        self._findings: dict[str, Finding] = {}

    def admits(self, domain: str, hosts: Sequence[str]) -> bool:
        """For wire.letters.Policy: called in the loop, asks nobody."""
        finding = destinations.group_of(hosts, self._patterns)
        if finding is not None:
            self._findings[domain] = finding
        return finding is None

    def settle(self, alone: str | None) -> None:
        """Keep what was found; `alone` is a domain that gets a lane of its own."""
        if alone is not None:
            self._findings[alone] = Finding(alone)
        if self._findings:
            destinations.remember(self._findings, now=timezone.now())

    def give_back(self, letters: Sequence[Letter], *, token: str) -> None:
        """Return untried letters, each into the lane where it belongs."""
        targets: dict[int, str] = {}
        for letter in letters:
            if finding := self._findings.get(letter.domain.lower()):
                targets[letter.key] = finding.destination
        destinations.move(targets=targets, token=token)
        ids = [letter.key for letter in letters if letter.key not in targets]
        claims.give_back(ids=ids, token=token)
