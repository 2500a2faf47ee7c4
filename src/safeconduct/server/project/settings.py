# SPDX-License-Identifier: Apache-2.0
"""Django's settings, derived from the checked configuration. Importing this module writes nothing.

Slices read the configuration as `django.conf.settings.SAFECONDUCT`.
"""

import os
from pathlib import Path

from django.conf import global_settings

from safeconduct.server.project.config import LOOPBACK, Config, load_config
from safeconduct.server.project.databases import database_settings
from safeconduct.server.project.keys import secret_key
from safeconduct.server.project.logs import logging_settings

SAFECONDUCT: Config = load_config(os.environ)
HERE = Path(__file__).parent

DEBUG = False
SECRET_KEY = secret_key(SAFECONDUCT.keys)
ALLOWED_HOSTS = sorted({SAFECONDUCT.host, *SAFECONDUCT.hosts, *(LOOPBACK if SAFECONDUCT.is_embedded else ())})
ROOT_URLCONF = "safeconduct.server.project.urls"
WSGI_APPLICATION = "safeconduct.server.project.wsgi.application"
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {"default": database_settings(SAFECONDUCT)}
CACHES = {
    "default": (
        {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
        if SAFECONDUCT.processes == 1
        else {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "project_cache"}
    )
}

SLICES = (
    "audit",
    "parties",
    "outbox",
    "rulebook",
    "authorizations",
    "learning",
    "intake",
    "registry",
    "triage",
    "cases",
    "campaigns",
    "clock",
    "advisories",
    "rewards",
    "desk",
    "metrics",
    "api",
)
INSTALLED_APPS = [
    *(f"safeconduct.server.{name}" for name in SLICES),
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.mfa",
]
MIDDLEWARE = [
    "safeconduct.server.project.middleware.SecurityHeaders",
    "safeconduct.server.project.middleware.Blindfold",
    "safeconduct.server.project.middleware.RequestLog",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "safeconduct.server.parties.access.ErrorPages",
    "safeconduct.server.parties.access.SecondFactor",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [HERE / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "safeconduct.server.project.context.service",
            ]
        },
    }
]
FORM_RENDERER = "safeconduct.server.project.rendering.AccessibleForms"

# Languages: the catalog of Django decides the names, the configuration which are offered.
LANGUAGE_CODE = SAFECONDUCT.languages[0]
LANGUAGES = [entry for entry in global_settings.LANGUAGES if entry[0] in SAFECONDUCT.languages] or [("en", "English")]

# Static files are served by the process itself.
STATIC_URL = "/static/"
STATICFILES_DIRS = [HERE / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 3600

# Uploads: everything that a form carries passes through memory or a sealing handler, never a plain temporary file.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = SAFECONDUCT.request_bytes
DATA_UPLOAD_MAX_MEMORY_SIZE = SAFECONDUCT.request_bytes

# Cookies and transport. The scheme follows from base_url, not from a header that anyone may send.
SESSION_ENGINE = "safeconduct.server.parties.sessions"
SESSION_COOKIE_NAME = "__Host-session" if SAFECONDUCT.is_https else "session"
SESSION_COOKIE_SAMESITE = "Strict"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = SAFECONDUCT.is_https
SESSION_COOKIE_AGE = 60 * 60 * 24
CSRF_COOKIE_NAME = "__Host-form" if SAFECONDUCT.is_https else "form"
# No cookie outlives the browser's window.
CSRF_COOKIE_AGE = None
CSRF_COOKIE_SAMESITE = "Strict"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SECURE = SAFECONDUCT.is_https
CSRF_TRUSTED_ORIGINS = list(SAFECONDUCT.trusted_origins)
CSRF_FAILURE_VIEW = "safeconduct.server.project.views.form_expired"
LANGUAGE_COOKIE_SAMESITE = "Strict"
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SECURE = SAFECONDUCT.is_https
MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"

# Accounts
AUTH_USER_MODEL = "parties.Party"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "desk:home"
LOGOUT_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "safeconduct.server.parties.adapters.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = "handle"
ACCOUNT_USER_MODEL_EMAIL_FIELD = "email"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_NOTIFICATIONS = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_PREVENT_ENUMERATION = True
# Limits count by account and never by address, because behind an onion service all addresses are one.
ACCOUNT_RATE_LIMITS = {
    "login": None,
    "login_failed": "5/5m/key",
    "change_password": "5/m/user",
    "reauthenticate": "10/m/user",
    "reset_password": None,
    "reset_password_from_key": None,
    "signup": None,
}
MFA_ADAPTER = "safeconduct.server.parties.adapters.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = SAFECONDUCT.name
MFA_TOTP_TOLERANCE = 1

# Mail
EMAIL_HOST = SAFECONDUCT.smtp_host
EMAIL_PORT = SAFECONDUCT.smtp_port
EMAIL_HOST_USER = SAFECONDUCT.smtp_user
EMAIL_USE_TLS = SAFECONDUCT.smtp_security == "starttls"
EMAIL_USE_SSL = SAFECONDUCT.smtp_security == "tls"
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = SAFECONDUCT.smtp_sender or "safeconduct@localhost"
if SAFECONDUCT.smtp_password_file:
    EMAIL_HOST_PASSWORD = Path(SAFECONDUCT.smtp_password_file).read_text(encoding="utf-8").strip()

# Transport security of the process behind a TLS proxy; the proxy needs to send no header of its own.
SECURE_HSTS_SECONDS = 31_536_000 if SAFECONDUCT.is_https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = False
SILENCED_SYSTEM_CHECKS: list[str] = []

LOGGING_CONFIG = "logging.config.dictConfig"
LOGGING = logging_settings(SAFECONDUCT.log_level)
