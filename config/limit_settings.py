"""Settings that bound what one customer, file or address may get.

A part of the one settings file, which takes over every name in here.
"""

import os

from config.environment import Environment, stop

env = Environment(os.environ, fail=stop)

ATTACHMENT_LIMIT_MB = env.integer("ATTACHMENT_LIMIT_MB", 10, minimum=1, maximum=100)
IMPORT_LIMIT_MB = env.integer("IMPORT_LIMIT_MB", 200, minimum=1, maximum=10_000)
# Messages to one address in an hour; 0: no bound (delivery.flood).
FLOOD_PER_CUSTOMER = env.integer("FLOOD_PER_CUSTOMER", 20, minimum=0)
FLOOD_PER_PLATFORM = env.integer("FLOOD_PER_PLATFORM", 60, minimum=0)
