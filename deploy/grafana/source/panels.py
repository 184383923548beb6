"""The kinds of panels that the dashboards are made of. A panel says in its description what it shows, and what it does not."""

from collections.abc import Mapping
from typing import Any, Final

from grafana_foundation_sdk.builders import bargauge, stat, table, timeseries
from grafana_foundation_sdk.builders.common import ReduceDataOptions, VizLegendOptions
from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue, Threshold, ThresholdsMode

from deploy.grafana.source.queries import CLICKHOUSE, PROMETHEUS, Sql, promql

Panel = Any
HOURS_UNIT: Final = "suffix: h"
SHARE: Final = "percentunit"
_PLAIN: Final = [Threshold(value=None, color="blue")]


def number(title: str, statement: str, unit: str, about: str, *, decimals: int = 1, width: int = 4) -> Panel:
    """One big number."""
    return (
        stat.Panel()
        .title(title)
        .description(about)
        .datasource(CLICKHOUSE)
        .with_target(Sql(statement))
        .unit(unit)
        .decimals(decimals)
        .thresholds(ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(_PLAIN))
        .color_mode(BigValueColorMode.VALUE)
        .graph_mode(BigValueGraphMode.NONE)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
        .span(width)
        .height(4)
    )


def rows(title: str, statement: str, about: str, units: Mapping[str, str], *, width: int = 8, height: int = 8) -> Panel:
    """A table. `units` of columns that are no plain words or counts."""
    made = table.Panel().title(title).description(about).datasource(CLICKHOUSE).with_target(Sql(statement))
    for column, unit in units.items():
        made = made.override_by_name(
            column, [DynamicConfigValue(id_val="unit", value=unit), DynamicConfigValue(id_val="decimals", value=1)]
        )
    return made.span(width).height(height)


def bars(title: str, statement: str, unit: str, about: str, *, width: int = 8, height: int = 8) -> Panel:
    """A bar for each row: its first column is the name."""
    return (
        bargauge.Panel()
        .title(title)
        .description(about)
        .datasource(CLICKHOUSE)
        .with_target(Sql(statement))
        .unit(unit)
        .decimals(1)
        .thresholds(ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(_PLAIN))
        .reduce_options(ReduceDataOptions().values(True))  # noqa: FBT003 - the library's signature
        .span(width)
        .height(height)
    )


def trend(
    title: str, statement: str, unit: str, about: str, *, band: tuple[str, str, str] | None = None, width: int = 12
) -> Panel:
    """Lines over time. `band`: the names of the columns with the figure and the ends of its interval."""
    made = _lines(title, about, unit, width).datasource(CLICKHOUSE).with_target(Sql(statement, series=True))
    if band is not None:
        _, low, high = band
        for name, fill in ((low, 0), (high, 12)):
            made = made.override_by_name(
                name,
                [
                    DynamicConfigValue(id_val="custom.lineWidth", value=0),
                    DynamicConfigValue(id_val="custom.fillOpacity", value=fill),
                    DynamicConfigValue(id_val="custom.fillBelowTo", value=low if name == high else ""),
                    DynamicConfigValue(id_val="custom.showPoints", value="never"),
                ],
            )
    return made


def measured(title: str, expressions: Mapping[str, str], unit: str, about: str, *, width: int = 12) -> Panel:
    """Lines of Prometheus: legend and expression of each."""
    made = _lines(title, about, unit, width).datasource(PROMETHEUS)
    for place, (legend, expression) in enumerate(expressions.items()):
        made = made.with_target(promql(expression, legend, place))
    return made


def gauge(
    title: str, expression: str, unit: str, about: str, *, width: int = 4, bad_from: float | None = None
) -> Panel:
    """One number of Prometheus; red from `bad_from` on."""
    steps = [Threshold(value=None, color="green" if bad_from is not None else "blue")]
    if bad_from is not None:
        steps.append(Threshold(value=bad_from, color="red"))
    return (
        stat.Panel()
        .title(title)
        .description(about)
        .datasource(PROMETHEUS)
        .with_target(promql(expression))
        .unit(unit)
        .thresholds(ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
        .color_mode(BigValueColorMode.VALUE)
        .graph_mode(BigValueGraphMode.AREA)
        .span(width)
        .height(4)
    )


def _lines(title: str, about: str, unit: str, width: int) -> Any:
    return (
        timeseries.Panel()
        .title(title)
        .description(about)
        .unit(unit)
        .draw_style(GraphDrawStyle.LINE)
        .line_width(2)
        .fill_opacity(0)
        .show_points(VisibilityMode.AUTO)
        .legend(
            VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM).show_legend(True)  # noqa: FBT003 - the library's signature
        )
        .span(width)
        .height(8)
    )
