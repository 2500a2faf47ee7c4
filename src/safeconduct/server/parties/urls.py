# SPDX-License-Identifier: Apache-2.0
"""The addresses of people, invitations, tokens and sessions."""

from django.urls import path

from safeconduct.server.parties import views

app_name = "parties"
urlpatterns = [
    path("people/", views.people, name="people"),
    path("people/invite/", views.invite, name="invite"),
    path("people/invitations/<str:invitation_id>/withdraw/", views.withdraw, name="withdraw"),
    path("people/<str:party_id>/", views.person, name="person"),
    path("people/<str:party_id>/roles/", views.change_roles, name="change_roles"),
    path("people/<str:party_id>/deactivate/", views.deactivate, name="deactivate"),
    path("people/<str:party_id>/second-factor/", views.reset_factor, name="reset_factor"),
    path("people/<str:party_id>/password-link/", views.password_link, name="password_link"),
    path("join/<str:secret>/", views.join, name="join"),
    path("new-password/<str:secret>/", views.new_password, name="new_password"),
    path("account/", views.account, name="account"),
    path("account/zone/", views.zone, name="zone"),
    path("account/tokens/<str:token_id>/revoke/", views.revoke_token, name="revoke_token"),
    path("account/sessions/<str:reference>/end/", views.end_session, name="end_session"),
]
