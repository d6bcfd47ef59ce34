"""manage.py platform, with what only this layer can tell: `health` looks at the set-up in DNS.

Exit code of `health` 0: nothing has to be done; 1: a record is wrong or missing.
"""

import json
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone
from django.utils.translation import gettext as _

from blacklist import health, health_figures
from blacklist.health_figures import CheckLine
from delivery.management.commands import platform


class Command(platform.Command):
    def add_actions(self, actions: Any) -> None:
        super().add_actions(actions)
        action = actions.add_parser(
            "health", help="look at the DNS records of the present platform, and judge them"
        )
        action.add_argument("--json", action="store_true", help="for programs")
        action.add_argument("--language", choices=["en", "ja"], default="en", help="of its words")

    def health(self, options: dict[str, Any]) -> None:
        run = health.begin(by=platform.BY, now=timezone.now())
        if not health.carry_out(run_id=run.pk, now=timezone.now()):
            raise CommandError("A check is under way already; wait a minute and ask again.")
        checks = list(health_figures.stored())
        summary = health_figures.summary(checks)
        if options["json"]:
            shown = {"ok": summary.is_well, "checks": [*map(health_figures.as_json, checks)]}
            self.stdout.write(json.dumps(shown, ensure_ascii=False, indent=2))
        else:
            for group in health_figures.by_domain(checks):
                self.stdout.write(f"\n{group.domain}")
                for line in (*group.own, *group.ips, *group.quiet):
                    self.print_line(line)
            self.stdout.write("")
        if summary.wrong or summary.missing:
            raise CommandError(str(summary))
        if not options["json"]:
            self.stdout.write(str(summary))

    def print_line(self, line: CheckLine) -> None:
        """The record to publish only where something is to be done."""
        check = line.check
        where = f"{check.ip} {check.name}" if check.ip else check.name
        optional = f" ({_('optional')})" if check.is_optional else ""
        word = check.get_verdict_display()
        self.stdout.write(f"  {word:10} {check.get_kind_display():8} {where}{optional}")
        for words in (*line.problems, *line.advice):
            self.stdout.write(f"             - {words}")
        if check.needs_work:
            for label, values in ((_("Found"), check.found), (_("Record"), check.record)):
                for value in values:
                    self.stdout.write(f"             {label}: {value}")
