"""Measurements that anyone can repeat: `manage.py bench NAME`, one module a benchmark.

A benchmark is a module with `add_arguments(parser)` and `run(options) -> Result`, named below. It
runs in an instance of its own (sandbox.bench.throwaway), whose database is empty and migrated.
"""

from typing import Final

BENCHES: Final = {
    "classify": "sandbox.bench.classify",
    "delivery": "sandbox.bench.delivery",
    "detect": "sandbox.bench.detect",
    "dnsbl": "sandbox.bench.dnsbl",
    "fairness": "sandbox.bench.fairness",
    "import": "sandbox.bench.contact_import",
    "intake": "sandbox.bench.intake",
    "limits": "sandbox.bench.limits",
}
