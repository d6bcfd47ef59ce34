"""The models of customers, one subject a file."""

from customers.models.audit import AuditEntry
from customers.models.customer import Customer, Membership, Role
from customers.models.key import ApiKey, KeptAnswer, Scope
from customers.models.lists import (
    Basis,
    Contact,
    ContactStatus,
    ImportBatch,
    ImportRejection,
    ImportState,
    RecipientList,
)
from customers.models.person import OperatorRole, Person
from customers.models.suppression import Suppression, SuppressionReason

__all__ = [
    "ApiKey",
    "AuditEntry",
    "Basis",
    "Contact",
    "ContactStatus",
    "Customer",
    "ImportBatch",
    "ImportRejection",
    "ImportState",
    "KeptAnswer",
    "Membership",
    "OperatorRole",
    "Person",
    "RecipientList",
    "Role",
    "Scope",
    "Suppression",
    "SuppressionReason",
]
