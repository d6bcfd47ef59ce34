"""`manage.py templates`: does every template compile?"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.template_check import broken_templates, template_files


class Command(BaseCommand):
    help = "Compiles every template; part of `make check`."

    def handle(self, *args: Any, **options: Any) -> None:
        files = template_files()
        broken = broken_templates(files)
        if broken:
            raise CommandError("\n".join(broken))
        self.stdout.write(f"{len(files)} templates compile")
