"""Settings: one flat file, from the environment only. Importing it needs no running server.

A bad value stops the start with one sentence and exit code 2 (see config.environment).
"""

import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from cryptography.fernet import Fernet
from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from config import embedded, logs
from config.agreement import disagreement
from config.api_settings import *  # noqa: F403  programs with keys
from config.environment import Environment, broker_address, stop
from config.limit_settings import *  # noqa: F403  of attachments, imports, messages to one address
from config.mail_settings import *  # noqa: F403  reports coming in, the platform's own mail
from config.schedule import SCHEDULE

env = Environment(os.environ, fail=stop)

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = embedded.var_directory()

# --- what kind of place this is -------------------------------------------------------------

PRODUCTION = env.choice("HATOBIN_ENV", "development", choices=("development", "production")) == (
    "production"
)
DEBUG = env.boolean("DEBUG", default=False)
if DEBUG and PRODUCTION:
    stop("DEBUG=true cannot be used with HATOBIN_ENV=production: it shows secrets to visitors.")

WEB_HOST = env.text("WEB_HOST", "127.0.0.1")
WEB_PORT = env.integer("WEB_PORT", 8000, minimum=1, maximum=65535)
WORKERS = env.integer("WORKERS", 2, minimum=1, maximum=256)  # senders of one machine
LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))

# --- the product ----------------------------------------------------------------------------

# Where customers' recipients reach us: the links in mail are built from it.
BASE_URL = env.address(
    "BASE_URL", "" if PRODUCTION else f"http://127.0.0.1:{WEB_PORT}", schemes=("http", "https")
).rstrip("/")
# Mail and DNS stay on 127/8 and ::1, whatever the lists say. Nothing leaves the machine unless this
# is production, or LOOPBACK_ONLY=false says so.
LOOPBACK_ONLY = env.boolean("LOOPBACK_ONLY", default=not PRODUCTION)
# Empty: those of the system's resolv.conf. On loopback only the sandbox's server can answer.
DNS_SERVERS = env.endpoints("DNS_SERVERS") or ([("127.0.0.1", 5300)] if LOOPBACK_ONLY else [])
# Of the receivers' MX hosts. The sandbox's hosts listen where no privilege is needed.
SMTP_PORT = env.integer("SMTP_PORT", 2525 if LOOPBACK_ONLY else 25, minimum=1, maximum=65535)
DNS_VALIDATING = env.boolean("DNS_VALIDATING", default=False)  # they check DNSSEC: DANE is used
STS_PORT = env.integer("STS_PORT", SMTP_PORT if LOOPBACK_ONLY else 443, minimum=1, maximum=65535)
TLS_AUTHORITIES = env.text("TLS_AUTHORITIES")  # for MTA-STS: a PEM file in place of the system's
# What the sandbox's hosts stored; "": no sandbox.
SANDBOX_DIRECTORY = env.text("SANDBOX_DIRECTORY", str(VAR_DIR / "sandbox") if LOOPBACK_ONLY else "")
# A deferred delivery is tried again after these waits, the last one repeated, until the limit.
RETRY_LADDER = env.durations("RETRY_LADDER", "5m,15m,30m,1h,2h,4h")
RETRY_LIMIT = env.duration("RETRY_LIMIT", "72h")
# How long a dead worker's mail waits; a living one renews it (delivery.leases).
LEASE_SECONDS = env.duration("LEASE", "30s")
SMTP_CONNECT_TIMEOUT = env.duration("SMTP_CONNECT_TIMEOUT", "30s")
SMTP_COMMAND_TIMEOUT = env.duration("SMTP_COMMAND_TIMEOUT", "5m")  # RFC 5321 4.5.3.2
PARTITION_DAYS_AHEAD = env.integer("PARTITION_DAYS_AHEAD", 7, minimum=1, maximum=60)
RETENTION_DAYS = env.integer("RETENTION_DAYS", 90, minimum=1, maximum=3650)

wrong = disagreement(
    production=PRODUCTION,
    base_url=BASE_URL,
    loopback_only=LOOPBACK_ONLY,
    dns_servers=DNS_SERVERS,
    lease=LEASE_SECONDS,
    retry_limit=RETRY_LIMIT,
    retention_days=RETENTION_DAYS,
)
if wrong:
    stop(wrong)

# --- secrets --------------------------------------------------------------------------------

if PRODUCTION:
    SECRET_KEY = env.secret("SECRET_KEY") or stop(
        "SECRET_KEY is not set: production needs 50 or more random characters in SECRET_KEY, "
        "or the path of a file with them in SECRET_KEY_FILE."
    )
    field_key = env.secret("FIELD_KEY") or stop(
        "FIELD_KEY is not set: production needs the key that encrypts stored secrets in "
        "FIELD_KEY or FIELD_KEY_FILE. `python -m config.fieldkey` makes one."
    )
else:
    SECRET_KEY = env.kept_secret(
        "SECRET_KEY", path=VAR_DIR / "secret_key", make=lambda: secrets.token_urlsafe(48)
    )
    field_key = env.kept_secret(
        "FIELD_KEY", path=VAR_DIR / "field_key", make=lambda: Fernet.generate_key().decode()
    )
# The key signs; the fallbacks only verify what was signed before a change of keys.
SECRET_KEY_FALLBACKS = env.secrets("SECRET_KEY_FALLBACKS")
for name, keys in (("SECRET_KEY", [SECRET_KEY]), ("SECRET_KEY_FALLBACKS", SECRET_KEY_FALLBACKS)):
    env.require_strong(name, keys)
# Newest first: it encrypts; the others only read what was written before a change of keys.
FIELD_KEYS = env.field_keys(field_key)

# --- servers --------------------------------------------------------------------------------

DATABASE_URL = env.secret("DATABASE_URL") or embedded.addresses(VAR_DIR).database
REDIS_URL = env.secret("REDIS_URL") or embedded.addresses(VAR_DIR).redis
try:
    # Checked when taken from the pool: a restart of PostgreSQL breaks those that wait there.
    DATABASES: dict[str, Any] = {
        "default": dj_database_url.parse(DATABASE_URL, conn_health_checks=True)
    }
except ValueError:
    DATABASES = {"default": {}}
if DATABASES["default"].get("ENGINE") != "django.db.backends.postgresql":
    stop("DATABASE_URL cannot be used: expected postgresql://user:password@host:port/name.")
if urlsplit(REDIS_URL).scheme not in {"redis", "rediss", "unix"}:
    stop("REDIS_URL cannot be used: expected redis://, rediss:// or unix:///path/to/socket.")

# Connections kept open by each process; 0: one per thread and request, without a pool.
DATABASE_POOL = env.integer("DATABASE_POOL", 8, minimum=0, maximum=100)
if DATABASE_POOL:
    pool = {"min_size": 1, "max_size": DATABASE_POOL, "timeout": 10}
    DATABASES["default"].setdefault("OPTIONS", {})["pool"] = pool

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "hatobin",
    }
}
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"  # losing Redis signs nobody out

# --- Django ---------------------------------------------------------------------------------

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "customers.Person"
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
# Uniqueness of the e-mail is a constraint on its lower-case form, which this check does not see.
SILENCED_SYSTEM_CHECKS = ["auth.W004"]

INSTALLED_APPS = [
    "config",
    "customers",
    "blacklist",  # its `manage.py platform` adds to that of delivery
    "delivery",
    "compliance",
    "sandbox",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
    "template_partials",
    "csp",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.pages.PersonLocaleMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.pages.surroundings",
            ],
        },
    }
]

# Imports are sent in one form; the file itself goes to disk, so only the rest counts here.
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
MEDIA_ROOT = VAR_DIR / "files"  # uploaded files wait here for the worker; never served

# --- language and time ----------------------------------------------------------------------

LANGUAGES = [("ja", _("Japanese")), ("en", _("English"))]
LANGUAGE_CODE = "ja"
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "Asia/Tokyo"
USE_TZ = True

# --- static files ---------------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = Path(env.text("STATIC_DIRECTORY", str(VAR_DIR / "static")))
STATICFILES_DIRS = [BASE_DIR / "static"]
PLAIN_STATIC = "django.contrib.staticfiles.storage.StaticFilesStorage"
HASHED_STATIC = "whitenoise.storage.CompressedManifestStaticFilesStorage"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": PLAIN_STATIC if DEBUG else HASHED_STATIC},
}
WHITENOISE_USE_FINDERS = DEBUG

# --- sign-in --------------------------------------------------------------------------------

AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}Validator"}
    for name in ("UserAttributeSimilarity", "MinimumLength", "CommonPassword", "NumericPassword")
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/accounts/login/"
ACCOUNT_ADAPTER = "config.accounts.ClosedAccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"  # people are invited: whoever invites vouches for the address
ACCOUNT_SESSION_REMEMBER = True
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Hatobin"

# --- security -------------------------------------------------------------------------------

ALLOWED_HOSTS = env.items(
    "ALLOWED_HOSTS", () if PRODUCTION else ("localhost", "127.0.0.1", "[::1]")
)
if not ALLOWED_HOSTS:
    stop(
        "ALLOWED_HOSTS is not set: production needs the names under which visitors reach this "
        "site, separated by commas, for example ALLOWED_HOSTS=mail.example.jp."
    )
if urlsplit(BASE_URL).scheme == "https":
    CSRF_TRUSTED_ORIGINS = [BASE_URL]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = PRODUCTION
SESSION_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SECURE_SSL_REDIRECT = env.boolean("SECURE_SSL_REDIRECT", default=PRODUCTION)
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]  # asked by load balancers, which speak plain HTTP
SECURE_HSTS_SECONDS = env.integer("SECURE_HSTS_SECONDS", 31_536_000 if PRODUCTION else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PRODUCTION
# Only behind a proxy that sets or removes this header itself: else any visitor can forge it.
if env.boolean("BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# --- Celery (the rest, which no environment changes, is in config/celery.py) -----------------

CELERY_BROKER_URL = broker_address(REDIS_URL)
CELERY_BEAT_SCHEDULE = SCHEDULE
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "beat-schedule")

# --- logging --------------------------------------------------------------------------------

LOGGING = logs.to_stdout(LOG_LEVEL)
