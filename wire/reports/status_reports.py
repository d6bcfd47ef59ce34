"""Reports from a machine-readable status (RFC 3464), its gaps filled from the words around it."""

from __future__ import annotations

from typing import Final

from wire.reports import addresses, delivery_status, diagnosis, notice
from wire.reports.delivery_status import Fields, Status
from wire.reports.evidence import Evidence
from wire.reports.layouts import Finding
from wire.reports.report import FEW, MANY, MOST_REPORTS, Kind, Report
from wire.rulebook import Rulebook

_SUCCESSES: Final = frozenset({"delivered", "relayed", "expanded", "delivery", "success"})


def of(found: Evidence, status: Status, book: Rulebook) -> list[Report]:
    named = notice.findings(found.words, strangers=found.strangers)
    said = {finding.address.lower(): finding for finding in named}
    reports: dict[tuple[str, str], Report] = {}
    for fields in status.recipients[:MOST_REPORTS]:
        if report := _of_recipient(found, status, fields, said, book):
            reports.setdefault((report.recipient.lower(), report.action), report)
    return list(reports.values())


def _of_recipient(
    found: Evidence, status: Status, fields: Fields, said: dict[str, Finding], book: Rulebook
) -> Report | None:
    recipient = _recipient(found, fields, said, alone=len(status.recipients) == 1)
    action = _action(found, fields)
    if not recipient and action not in _SUCCESSES:
        return None
    finding = said.get(recipient.lower())
    reason = finding.reason if finding else ""
    quoted = delivery_status.plain(fields.get("diagnostic-code", ""))
    remote = delivery_status.plain(fields.get("remote-mta", "")).split(" ")[0].strip("()[]")
    judged = diagnosis.of(
        quoted or reason,
        book=book,
        status=fields.get("status", ""),
        context=found.context(reason) if len(status.recipients) <= FEW else "",
        mx=remote,
    )
    kind = (
        Kind.other if action in _SUCCESSES else Kind.delayed if action == "delayed" else Kind.bounce
    )
    return Report(
        kind=kind,
        recipient=recipient,
        action=action,
        status=judged.status,
        diagnostic=judged.text,
        verdict=None if kind == Kind.other else judged.verdict,
        reporting_mta=delivery_status.plain(status.message.get("reporting-mta", "")),
        remote_mta=remote,
        arrival_date=status.message.get("arrival-date", "")[:200],
        original_recipient=delivery_status.address(fields.get("original-recipient", "")),
        note=MANY if status.cut else "",
        **found.about,
    )


def _recipient(found: Evidence, fields: Fields, said: dict[str, Finding], *, alone: bool) -> str:
    """The address that we wrote to, if the report knows it: Original-Recipient, unless only the
    final one is in the returned message.
    """
    final = delivery_status.address(fields.get("final-recipient", ""))
    first = delivery_status.address(fields.get("original-recipient", ""))
    known = {address.lower() for address in found.original.recipients}
    if first and not (final.lower() in known and first.lower() not in known):
        return first
    if final:
        return final
    if other := delivery_status.address(fields.get("x-actual-recipient", "")):
        return other
    if alone and said:
        return next(iter(said.values())).address
    bare = delivery_status.plain(fields.get("final-recipient", "")).strip("<>").lower()
    for address in found.original.recipients:
        if alone or addresses.local_part(address).lower() == bare:
            return address
    return bare if bare and alone else ""


def _action(found: Evidence, fields: Fields) -> str:
    action = fields.get("action", "").partition("(")[0].strip().lower().split(" ")[0].strip(";.,")
    if action in _SUCCESSES:
        return action
    if action.startswith("delay"):
        return "delayed"
    if action:
        return "failed"
    status = diagnosis.known_status(fields.get("status", ""))
    if status.startswith("2"):
        return "delivered"
    return "delayed" if found.delayed and not status.startswith("5") else "failed"
