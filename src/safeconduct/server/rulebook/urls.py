# SPDX-License-Identifier: Apache-2.0
"""The addresses of the policies and of security.txt."""

from django.urls import path

from safeconduct.server.rulebook import views

app_name = "rulebook"
urlpatterns = [
    path("policy/", views.policy, name="policy"),
    path("policy/<str:kind>/change/", views.change, name="change"),
    path("policy/<str:kind>/<int:version>/", views.policy_version, name="version"),
    path(".well-known/security.txt", views.security_txt, name="security_txt"),
]
