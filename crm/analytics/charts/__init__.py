"""Every kind of figures that dashboards and reports know."""

from crm.analytics.charts.clients import CHART as CLIENTS
from crm.analytics.charts.cohorts import CHART as COHORTS
from crm.analytics.charts.conversion import CHART as CONVERSION
from crm.analytics.charts.conversion_totals import CHART as CONVERSION_TOTALS
from crm.analytics.charts.forecast import CHART as FORECAST
from crm.analytics.charts.kpi import CHART as KPI
from crm.analytics.charts.loss_totals import CHART as LOSS_TOTALS
from crm.analytics.charts.losses import CHART as LOSSES
from crm.analytics.charts.lost_money import CHART as LOST_MONEY
from crm.analytics.charts.managers import CHART as MANAGERS
from crm.analytics.charts.objections import CHART as OBJECTIONS
from crm.analytics.charts.sources import CHART as SOURCES
from crm.analytics.charts.time_on_stage import CHART as TIME_ON_STAGE
from crm.analytics.charts.transitions import CHART as TRANSITIONS
from crm.analytics.charts.trust import CHART as TRUST
from crm.analytics.values import Chart

CHARTS: tuple[Chart, ...] = (
    CONVERSION,
    CONVERSION_TOTALS,
    TRANSITIONS,
    TIME_ON_STAGE,
    COHORTS,
    CLIENTS,
    MANAGERS,
    KPI,
    FORECAST,
    LOSS_TOTALS,
    LOSSES,
    LOST_MONEY,
    OBJECTIONS,
    SOURCES,
    TRUST,
)
