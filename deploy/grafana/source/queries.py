"""Queries of the two data sources."""

from dataclasses import dataclass
from typing import Any, Final

from grafana_foundation_sdk.builders.prometheus import Dataquery as Prometheus
from grafana_foundation_sdk.cog import builder, variants
from grafana_foundation_sdk.models.dashboard import DataSourceRef

CLICKHOUSE: Final = DataSourceRef(type_val="grafana-clickhouse-datasource", uid="frigjort-clickhouse")
PROMETHEUS: Final = DataSourceRef(type_val="prometheus", uid="frigjort-prometheus")


@dataclass(slots=True)
class Sql(variants.Dataquery, builder.Builder[variants.Dataquery]):
    """A statement for ClickHouse, whose data source the library does not know. `series`: it has a column `time`."""

    statement: str
    series: bool = False

    def build(self) -> "Sql":
        """Itself."""
        return self

    def to_json(self) -> dict[str, object]:
        """As the data source's plugin reads it: format 0 is a time series, 1 a table."""
        return {
            "datasource": CLICKHOUSE,
            "editorType": "sql",
            "format": 0 if self.series else 1,
            "queryType": "timeseries" if self.series else "table",
            "rawSql": self.statement.strip(),
            "refId": "A",
        }


def promql(expression: str, legend: str = "", place: int = 0) -> Any:
    """An expression for Prometheus, at a place of its panel."""
    return (
        Prometheus().expr(expression).legend_format(legend).datasource(PROMETHEUS).ref_id("ABCDEFGH"[place : place + 1])
    )


_HEADLINE: Final = "sumIf({0}, name = 'adjusted') - sumIf({1}, name = 'without_control')"
_ENDLESS: Final = "countIf(name IN ('adjusted', 'without_control') AND isNull(low_hours)) > 0"
HOURS: Final = _HEADLINE.format("hours", "hours")
"""The headline of grouped rows of `current_steps`: what has no control is taken off there. Its ends are as wide as both together, and
null where one of them has none."""
LOW: Final = f"if({_ENDLESS}, NULL, {_HEADLINE.format('low_hours', 'high_hours')})"
HIGH: Final = f"if({_ENDLESS}, NULL, {_HEADLINE.format('high_hours', 'low_hours')})"


def headline(of: str, columns: str, rest: str = "") -> str:
    """Columns of the headline of figures, `of` a condition on `current_steps`."""
    return f"SELECT {columns} FROM current_steps WHERE {of} {rest}"
