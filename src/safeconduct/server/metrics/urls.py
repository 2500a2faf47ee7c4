# SPDX-License-Identifier: Apache-2.0
"""The addresses of the measures."""

from django.urls import path

from safeconduct.server.metrics import views

app_name = "metrics"
urlpatterns = [
    path("", views.index, name="index"),
    path("numbers.json", views.numbers, name="numbers"),
    path("times.svg", views.chart, name="chart"),
]
