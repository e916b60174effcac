"""Every kind of figures that dashboards and reports know."""

from crm.analytics.charts.conversion import CHART as CONVERSION
from crm.analytics.values import Chart

CHARTS: tuple[Chart, ...] = (CONVERSION,)
