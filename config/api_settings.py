"""Settings of the API: the frameworks' own, and what an operator may change.

A part of the one settings file, which takes over every name in here.
"""

import os
from typing import Any

from config.environment import Environment, stop

env = Environment(os.environ, fail=stop)

# Of each key; a key may have a limit of its own.
API_REQUESTS_PER_MINUTE = env.integer("API_REQUESTS_PER_MINUTE", 600, minimum=1, maximum=1_000_000)
API_BODY_LIMIT_MB = env.integer("API_BODY_LIMIT_MB", 2, minimum=1, maximum=100)  # of JSON
# How many proxies stand in front and append to X-Forwarded-For: keys may be bound to IP ranges.
# With too high a number visitors could forge where they come from.
PROXIES = env.integer(
    "PROXIES", int(env.boolean("BEHIND_PROXY", default=False)), minimum=0, maximum=10
)

REST_FRAMEWORK: dict[str, Any] = {
    # Keys only: a browser's session is no way in, so there is nothing to forge a request with.
    "DEFAULT_AUTHENTICATION_CLASSES": ["customers.api.authentication.KeyAuthentication"],
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_PERMISSION_CLASSES": ["customers.api.permissions.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["customers.api.rates.KeyThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["customers.api.contents.JsonParser"],
    "DEFAULT_PAGINATION_CLASS": "customers.api.pagination.NewestFirst",
    "DEFAULT_FILTER_BACKENDS": ["customers.api.filters.StrictFilters"],
    "DEFAULT_SCHEMA_CLASS": "customers.api.schema.Operation",
    "EXCEPTION_HANDLER": "customers.api.problems.answer",
    "URL_FORMAT_OVERRIDE": None,
}

SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Hatobin API",
    "DESCRIPTION": "What programs can do on a Hatobin platform. docs/api/ has examples.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,  # words in the reader's language, codes in the API
    "DISABLE_ERRORS_AND_WARNINGS": False,
    "ENABLE_DJANGO_DEPLOY_CHECK": False,  # a test compares the schema with the endpoints
}
