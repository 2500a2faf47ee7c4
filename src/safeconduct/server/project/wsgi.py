# SPDX-License-Identifier: Apache-2.0
"""The WSGI entry for any server that speaks it."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "safeconduct.server.project.settings")
application = get_wsgi_application()
