"""manage.py person: who may sign in and what they may do.

Exit code 0: done, or so already; 1: refused, and the reason is printed.
"""

import getpass
import sys
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone, translation

from customers import people
from customers.models import Customer, OperatorRole, Person, Role

BY = "manage.py person"
NO_ROLE = "none"
OPERATOR_ROLES = [role.value or NO_ROLE for role in OperatorRole]


class Command(BaseCommand):
    help = "Add people, say what they may do, list them, switch them off."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        self.add_add_arguments(actions.add_parser("add", help="add a person"))
        actions.add_parser("list", help="show everybody")
        one = actions.add_parser("operator", help="set the role on the operators' side")
        one.add_argument("email", metavar="EMAIL")
        one.add_argument("role", choices=OPERATOR_ROLES, metavar="ROLE", help=", ".join(
            OPERATOR_ROLES
        ))  # fmt: skip
        one = actions.add_parser("join", help="set the role at a customer")
        one.add_argument("email", metavar="EMAIL")
        one.add_argument("customer", metavar="SLUG")
        one.add_argument("role", choices=Role.values, metavar="ROLE", help=", ".join(Role.values))
        one = actions.add_parser("leave", help="end the role at a customer")
        one.add_argument("email", metavar="EMAIL")
        one.add_argument("customer", metavar="SLUG")
        for action in ("disable", "enable"):
            one = actions.add_parser(action, help=f"{action} signing in")
            one.add_argument("email", metavar="EMAIL")

    def add_add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", metavar="EMAIL")
        parser.add_argument("--operator", choices=OPERATOR_ROLES, default=NO_ROLE)
        parser.add_argument("--customer", metavar="SLUG")
        parser.add_argument("--role", choices=Role.values, help="at that customer")
        parser.add_argument("--name", default="")
        parser.add_argument("--language", default="ja")
        password = parser.add_mutually_exclusive_group()
        password.add_argument("--password-prompt", action="store_true", help="ask for a password")
        password.add_argument("--password-stdin", action="store_true", help="read it from there")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with translation.override("en"):
                getattr(self, options["action"])(options)
        except people.PersonRefused as error:
            raise CommandError(str(error)) from None

    def add(self, options: dict[str, Any]) -> None:
        if bool(options["customer"]) != bool(options["role"]):
            raise CommandError("--customer and --role go together: a role is at a customer.")
        customer = self.find_customer(options["customer"]) if options["customer"] else None
        password, is_given = self.read_password(options)
        with transaction.atomic():
            person = people.add(
                email=options["email"], password=password, name=options["name"],
                language=options["language"], by=BY, now=timezone.now(),
            )  # fmt: skip
            people.set_operator_role(
                person=person, to=operator_role(options["operator"]), by=BY, now=timezone.now()
            )
            if customer is not None:
                people.set_membership(
                    person=person, customer=customer, role=Role(options["role"]), by=BY,
                    now=timezone.now(),
                )  # fmt: skip
        self.stdout.write(f"Added {person.email}.")
        if not is_given:
            self.stdout.write(f"First password, shown only here: {password}")

    def read_password(self, options: dict[str, Any]) -> tuple[str, bool]:
        """The password, and whether somebody chose it."""
        if options["password_stdin"]:
            return sys.stdin.readline().rstrip("\n"), True
        if options["password_prompt"]:
            password = getpass.getpass("Password: ")
            if getpass.getpass("Once more: ") != password:
                raise CommandError("The two passwords differ: nothing was changed.")
            return password, True
        return people.first_password(), False

    def list(self, options: dict[str, Any]) -> None:
        for person in Person.objects.order_by("email").prefetch_related("memberships__customer"):
            roles = [f"{seat.customer.slug}:{seat.role}" for seat in person.memberships.all()]
            if person.operator_role:
                roles.insert(0, f"operator:{person.operator_role}")
            state = "" if person.is_active else "  (disabled)"
            self.stdout.write(f"{person.email}  {' '.join(roles) or 'no role'}{state}")

    def operator(self, options: dict[str, Any]) -> None:
        person, role = self.find_person(options["email"]), operator_role(options["role"])
        changed = people.set_operator_role(person=person, to=role, by=BY, now=timezone.now())
        self.tell(person, f"operator role is {options['role']}", changed=changed)

    def join(self, options: dict[str, Any]) -> None:
        person = self.find_person(options["email"])
        customer = self.find_customer(options["customer"])
        changed = people.set_membership(
            person=person, customer=customer, role=Role(options["role"]), by=BY, now=timezone.now()
        )
        self.tell(person, f"is {options['role']} at {customer.slug}", changed=changed)

    def leave(self, options: dict[str, Any]) -> None:
        person = self.find_person(options["email"])
        customer = self.find_customer(options["customer"])
        changed = people.remove_membership(
            person=person, customer=customer, by=BY, now=timezone.now()
        )
        self.tell(person, f"has no role at {customer.slug}", changed=changed)

    def disable(self, options: dict[str, Any]) -> None:
        person = self.find_person(options["email"])
        changed = people.set_active(person=person, to=False, by=BY, now=timezone.now())
        self.tell(person, "cannot sign in any more", changed=changed)

    def enable(self, options: dict[str, Any]) -> None:
        person = self.find_person(options["email"])
        changed = people.set_active(person=person, to=True, by=BY, now=timezone.now())
        self.tell(person, "can sign in", changed=changed)

    def tell(self, person: Person, words: str, *, changed: bool) -> None:
        self.stdout.write(f"{person.email}: {words}{'' if changed else ' already'}.")

    def find_person(self, email: str) -> Person:
        found = Person.objects.filter(email__iexact=email.strip()).first()
        return found or refuse(f"There is no {email}. `manage.py person list` shows everybody.")

    def find_customer(self, slug: str) -> Customer:
        found = Customer.objects.filter(slug=slug).first()
        if found is None:
            known = ", ".join(Customer.objects.order_by("slug").values_list("slug", flat=True)[:10])
            refuse(f"There is no customer {slug}. Known are: {known or 'none yet'}.")
        return found


def operator_role(word: str) -> OperatorRole:
    return OperatorRole.NONE if word == NO_ROLE else OperatorRole(word)


def refuse(sentence: str) -> NoReturn:
    raise CommandError(sentence)
