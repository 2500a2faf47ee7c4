# SPDX-License-Identifier: Apache-2.0
"""Charts as SVG documents of their own. The page shows them through `<img>` and has the table beside them.

pygal is used unmodified. Without `js=[]` it links a script on a foreign host; the one inline script and style that it
still writes cannot run, because the document is served with a policy that allows nothing.
"""

import pygal
from pygal.style import Style

from safeconduct.server.metrics.measures import TimeMeasure

STYLE = Style(
    background="transparent",
    plot_background="transparent",
    foreground="#3c4a4d",
    foreground_strong="#1d2b2e",
    foreground_subtle="#7a8587",
    colors=("#1c5d63", "#b7791f"),
    font_family="system-ui, sans-serif",
    label_font_size=13,
    major_label_font_size=13,
    legend_font_size=14,
    value_font_size=12,
)


def times_chart(measures: tuple[TimeMeasure, ...]) -> bytes:
    """Return a bar chart of the median and 90th percentile of each measure, over all tiers."""
    chart = pygal.HorizontalBar(
        style=STYLE,
        js=[],
        no_prefix=True,
        height=340,
        width=860,
        print_values=True,
        legend_at_bottom=True,
        x_title="days",
        no_data_text="Nothing to show yet",
        explicit_size=True,
        disable_xml_declaration=False,
        value_formatter=lambda days: f"{days:g}",
    )
    chart.x_labels = [measure.title for measure in measures]
    chart.add("median", [measure.rows[0].median for measure in measures])
    chart.add("90th percentile", [measure.rows[0].p90 for measure in measures])
    drawn: bytes = chart.render()
    return drawn
