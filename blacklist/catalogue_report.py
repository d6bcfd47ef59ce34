"""What operators read about their blocklists: lines of text, for the command line."""

from collections.abc import Iterable, Sequence

from blacklist.catalogue_choice import Watched
from wire.dnsbl import Health, public_operator


def overview(lists: Iterable[Watched]) -> list[str]:
    """One line a list, the watched ones first."""
    rows = sorted(lists, key=lambda one: bool(one.why_not))
    return [
        f"{'+' if not one.why_not else '-'} {one.entry.ident:36} {one.impact:9} "
        f"{one.cadence:>6} s  {one.why_not or one.entry.name}"
        for one in rows
    ]


def details(one: Watched) -> list[str]:
    """Everything that is known of one list; no key."""
    entry = one.entry
    lines = [
        f"{entry.ident}: {entry.name}, by {entry.operator}",
        f"  watched        {'no: ' + one.why_not if one.why_not else 'yes'}",
        f"  holds          {', '.join(sorted(entry.kinds))}",
        f"  impact         {one.impact} (catalogue: {entry.impact})",
        f"  asked every    {one.cadence} s; the list's floor is {entry.cadence_floor} s",
        f"  test entry     {', '.join(entry.listed.values()) or 'none: a dead list is not seen'}",
        f"  delisting      {entry.delisting} {entry.delist_url}".rstrip(),
        f"  known          {entry.confidence}",
    ]
    limits = _limits(one)
    lines += [f"  limits         {limits}"] if limits else []
    lines += [f"  {code:14} {meaning}" for code, meaning in entry.codes.items()]
    lines += [f"  {code:14} refusal" for code in sorted(entry.refused)]
    return [*lines, f"  {entry.notes}"] if entry.notes else lines


def warnings(lists: Iterable[Watched], resolvers: Sequence[tuple[str, int]]) -> list[str]:
    """What is not wrong, but will not work as hoped."""
    found = []
    for address, _ in resolvers:
        if operator := public_operator(address):
            found.append(
                f"{address} is a public resolver ({operator}): Spamhaus, URIBL and SURBL refuse "
                "to answer through it. Run a resolver of your own and name it in DNS_SERVERS."
            )
    found += [
        f"{one.entry.ident} {one.why_not}: `blocklists key {one.entry.key}`"
        for one in lists
        if one.rule is None and one.why_not and (one.entry.default or one.own)
    ]
    return found


def health(ident: str, resolver: str, found: Health) -> str:
    """The outcome of one self-test."""
    if found.trouble is not None:
        return f"- {ident} through {resolver}: out of use, {found.trouble}: {found.why}"
    proof = "works" if found.proven else "answers, but has no test entry that proves it"
    return f"+ {ident} through {resolver}: {proof}"


def _limits(one: Watched) -> str:
    rule = one.rule or one.entry.rule()
    a_day = f", {rule.per_day} questions a day" if rule.per_day else ""
    return f"{rule.per_second:g} questions a second{a_day}"
