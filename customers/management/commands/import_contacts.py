"""manage.py import_contacts: a CSV file into a list, here and now.

Exit code 0: imported, also when rows were rejected (their number is printed, and --rejected writes
them to a file); 1: nothing was imported, and the reason is printed.
"""

from pathlib import Path
from typing import Any

from django.core.files import File
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from customers import imports, lists
from customers.models import Basis, Customer, ImportBatch, ImportState, RecipientList

BY = "import_contacts"


class Command(BaseCommand):
    help = (
        "Import contacts from a CSV file into a list, which is made if it is not there. Exit code"
        " 0: imported, even if single rows were rejected; 1: nothing was imported."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--customer", required=True, metavar="SLUG")
        parser.add_argument("--list", required=True, metavar="NAME")
        parser.add_argument("--basis", choices=Basis.values, default=Basis.UNKNOWN)
        parser.add_argument("--rejected", type=Path, metavar="CSV", help="write rejected rows here")
        parser.add_argument("file", type=Path, metavar="FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        found = self.find_list(options["customer"], options["list"])
        batch = self.receive(found, options["file"], Basis(options["basis"]))
        batch = imports.run(batch_id=batch.pk, now=timezone.now(), on_progress=self.show)
        if batch.state != ImportState.DONE:
            raise CommandError(batch.failure or f"Import {batch.pk} is {batch.state}.")
        self.stdout.write(
            f"Imported {batch.file_name} ({batch.encoding}) into {found}: {batch.added:,} added, "
            f"{batch.updated:,} updated, {batch.duplicates:,} duplicates, "
            f"{batch.rejected:,} rejected."
        )
        if options["rejected"]:
            lines = imports.rejections_csv(batch)
            options["rejected"].write_text("".join(lines), encoding="utf-8", newline="")

    def find_list(self, slug: str, name: str) -> RecipientList:
        customer = Customer.objects.filter(slug=slug).first()
        if customer is None:
            known = ", ".join(Customer.objects.order_by("slug").values_list("slug", flat=True)[:10])
            raise CommandError(f"There is no customer {slug}. Known are: {known or 'none yet'}.")
        found = RecipientList.objects.filter(customer=customer, name=name).first()
        return found or lists.create(customer=customer, name=name, by=BY, now=timezone.now())

    def receive(self, found: RecipientList, path: Path, basis: Basis) -> ImportBatch:
        try:
            with path.open("rb") as file:
                return imports.receive(
                    recipient_list=found, file=File(file), basis=basis, by=BY, now=timezone.now()
                )
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.") from None
        except imports.FileRefused as error:
            raise CommandError(str(error)) from None

    def show(self, batch: ImportBatch) -> None:
        self.stdout.write(f"{batch.percent:3} %  {batch.rows_read:,} rows read")
        self.stdout.flush()
