"""Reports from the words of a notice and from what came back with it, where no status says more."""

from __future__ import annotations

from wire.reports import addresses, diagnosis, notice
from wire.reports.evidence import Evidence
from wire.reports.layouts import Finding, Sureness
from wire.reports.report import FEW, MANY, MOST_REPORTS, Kind, Report
from wire.rulebook import Rulebook


def of(found: Evidence, book: Rulebook) -> list[Report]:
    """One report for each recipient that the notice or what came back names."""
    chosen = _findings(found)
    transcript = notice.replies(found.words)
    few = len(chosen) <= FEW
    return [
        _of_finding(found, finding, _said_of(finding, transcript, alone=len(chosen) == 1),
                    book=book, few=few)
        for finding in chosen[:MOST_REPORTS]
    ]  # fmt: skip


def _findings(found: Evidence) -> list[Finding]:
    named = notice.findings(found.words, strangers=found.strangers)
    failed = [address for value in found.letter.headers.all("x-failed-recipients")[:50]
              for address in addresses.found(value)]  # fmt: skip
    if failed:
        said = {finding.address.lower(): finding for finding in named}
        return [said.get(address.lower()) or Finding(address, Sureness.said, 0, "") for address in
                dict.fromkeys(failed)]  # fmt: skip
    if named and named[0].sureness == Sureness.said:
        return named
    if not found.original.recipients and (names := _names_only(found)):
        return names
    if named and named[0].sureness == Sureness.told:
        return named
    known = found.original.recipients
    for address in [one for one in known if one.lower() not in found.strangers] or known:
        return [Finding(address, Sureness.summary, 0, "")]
    return named if len(named) == 1 or (named and named[0].sureness == Sureness.summary) else []


def _names_only(found: Evidence) -> list[Finding]:
    sender = next(addresses.found(found.letter.headers.words("from")), "")
    return notice.names_only(found.words, sender.rpartition("@")[2]) if sender else []


def _of_finding(
    found: Evidence, finding: Finding, text: str, *, book: Rulebook, few: bool
) -> Report:
    context = found.context(finding.reason) if few else ""
    judged = diagnosis.of(text or found.words[:500], book=book, context=context)
    return Report(
        kind=Kind.delayed if found.delayed else Kind.bounce,
        recipient=finding.address,
        action="delayed" if found.delayed else "failed",
        status=judged.status,
        diagnostic=judged.text,
        verdict=judged.verdict,
        original_recipient=finding.origin,
        note=MANY if found.words.count("@") > notice.MOST_FINDINGS else "",
        **found.about,
    )


def _said_of(finding: Finding, transcript: list[str], *, alone: bool) -> str:
    """What is said of an address; where that quotes no reply, the one in the transcript that names
    it, or the last one if nobody else failed.
    """
    if diagnosis.has_reply(finding.reason):
        return finding.reason
    local = addresses.local_part(finding.address).lower()
    named = [reply for reply in transcript if local in reply.lower()]
    if named or (transcript and alone):
        return named[0] if named else transcript[-1]
    return finding.reason
