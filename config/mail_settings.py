"""Settings of the mail that comes in (reports) and of the platform's own mail to its people.

A part of the one settings file, which takes over every name in here.
"""

import os

from config.environment import Environment, stop

env = Environment(os.environ, fail=stop)

# --- the intake of bounces and complaints (manage.py intake) --------------------------------

INTAKE_HOST = env.text("INTAKE_HOST", "127.0.0.1")
# The MX hosts of the envelope domains lead there: port 25 of the world is mapped to this one.
INTAKE_PORT = env.integer("INTAKE_PORT", 2526, minimum=1, maximum=65535)
# Its name in the world: in the greeting and in the MX records of the envelope domains. Without one
# nobody can reach it, so that no mail names an address there for opting out.
INTAKE_NAME = env.text("INTAKE_NAME")
INTAKE_SIZE_LIMIT_MB = env.integer("INTAKE_SIZE_LIMIT_MB", 10, minimum=1, maximum=100)
INTAKE_CONNECTIONS = env.integer("INTAKE_CONNECTIONS", 100, minimum=1, maximum=10_000)
INTAKE_CONNECTIONS_PER_PEER = env.integer("INTAKE_CONNECTIONS_PER_PEER", 20, minimum=1)
INTAKE_TIMEOUT = env.duration("INTAKE_TIMEOUT", "5m")  # for the next command: RFC 5321 4.5.3.2.7
# PEM files. With them STARTTLS is offered.
INTAKE_CERTIFICATE = env.text("INTAKE_CERTIFICATE")
INTAKE_CERTIFICATE_KEY = env.text("INTAKE_CERTIFICATE_KEY")
if bool(INTAKE_CERTIFICATE) != bool(INTAKE_CERTIFICATE_KEY):
    stop("INTAKE_CERTIFICATE and INTAKE_CERTIFICATE_KEY belong together: set both or neither.")

# --- the platform's own mail (password reset). Without a host it is only printed ------------

EMAIL_HOST = env.text("EMAIL_HOST")
EMAIL_PORT = env.integer("EMAIL_PORT", 25, minimum=1, maximum=65535)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env.secret("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env.boolean("EMAIL_USE_TLS", default=False)
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'console'}.EmailBackend"
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "hatobin@localhost")
