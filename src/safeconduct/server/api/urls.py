# SPDX-License-Identifier: Apache-2.0
"""The addresses of the programming interface."""

from django.urls import path

from safeconduct.server.api import desk, register, reports
from safeconduct.server.api.app import api

api.add_router("", reports.router)
api.add_router("", register.router)
api.add_router("", desk.router)

urlpatterns = [path("v1/", api.urls)]
