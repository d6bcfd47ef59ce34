"""Who sends and to whom: customers, people, lists, contacts, consent, suppressions."""
