# SPDX-License-Identifier: Apache-2.0
"""How forms are drawn: label, hint, error and field tied together, from templates of the project."""

from django.forms.renderers import TemplatesSetting


class AccessibleForms(TemplatesSetting):
    """Draws every form with the project's own templates."""

    form_template_name = "forms/form.html"
    field_template_name = "forms/field.html"
