"""The blocklists of the catalogue, as the box holds them: alive, with their test entries only.

Without them the watch would find every list dead in the box.
"""

from dataclasses import replace

from blacklist.catalogue import Entry
from blacklist.catalogue_reading import shipped
from sandbox.dnsbl import STANDARD_TESTS
from sandbox.scenario import Blocklist, Scenario


def with_own_lists(scenario: Scenario) -> Scenario:
    """The scenario with all lists that are watched from the start and that it does not hold."""
    held = {one.zone for one in scenario.blocklists}
    more = [
        alive(entry)
        for entry in shipped().lists.values()
        if entry.default and not entry.key and entry.zone not in held
    ]
    return replace(scenario, blocklists=(*scenario.blocklists, *more))


def alive(entry: Entry) -> Blocklist:
    """A list with the test entries that the catalogue names, or else with the standard ones."""
    code = next(iter(entry.codes), "127.0.0.2")
    points = dict.fromkeys(entry.listed.values(), code) or dict.fromkeys(STANDARD_TESTS, code)
    return Blocklist(entry.zone, tests=points)
