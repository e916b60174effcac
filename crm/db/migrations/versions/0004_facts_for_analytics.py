"""facts for analytics.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from crm.clock import utc_now
from crm.db import types

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# A hand-over ends a visit, but not the stay: the next visit goes on with it.
FIRST_OF_STAY = """
    UPDATE stage_visits SET stay_entered_at = stays.began_at FROM (
        SELECT id, min(entered_at) OVER (PARTITION BY deal_id, stay) AS began_at FROM (
            SELECT id, deal_id, entered_at, sum(is_new) OVER (PARTITION BY deal_id ORDER BY entered_at, id) AS stay
            FROM (
                SELECT id, deal_id, entered_at, CASE WHEN
                    lag(outcome) OVER (PARTITION BY deal_id ORDER BY entered_at, id) = 'handover' THEN 0 ELSE 1 END
                    AS is_new
                FROM stage_visits
            ) AS marked
        ) AS numbered
    ) AS stays WHERE stays.id = stage_visits.id
"""


def upgrade() -> None:
    op.create_table(
        "saved_views",
        sa.Column("id", types.Id, nullable=False),
        sa.Column("owner_id", types.Id, nullable=False),
        sa.Column("page", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("query", types.Json, nullable=False),
        sa.Column("is_shared", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_saved_views_owner_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_views")),
        sa.UniqueConstraint("owner_id", "page", "name", name=op.f("uq_saved_views_owner_id_page_name")),
    )
    op.create_table(
        "targets",
        sa.Column("id", types.Id, nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("metric", sa.String(length=20), nullable=False),
        sa.Column("pipeline_id", types.Id, nullable=True),
        sa.Column("user_id", types.Id, nullable=True),
        sa.Column("whose", sa.String(length=40), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("value >= 0", name=op.f("ck_targets_not_negative")),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipelines.id"], name=op.f("fk_targets_pipeline_id_pipelines")),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_targets_user_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_targets")),
        sa.UniqueConstraint("month", "metric", "whose", name=op.f("uq_targets_month_metric_whose")),
    )
    with op.batch_alter_table("targets", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_targets_user_id"), ["user_id"], unique=False)

    op.create_table(
        "trust_days",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("finding", sa.String(length=40), nullable=False),
        sa.Column("pipeline_id", types.Id, nullable=False),
        sa.Column("owner_id", types.Id, nullable=False),
        sa.Column("found", sa.Integer(), nullable=False),
        sa.Column("looked_at", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["users.id"], name=op.f("fk_trust_days_owner_id_users"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["pipeline_id"], ["pipelines.id"], name=op.f("fk_trust_days_pipeline_id_pipelines"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("day", "finding", "pipeline_id", "owner_id", name=op.f("pk_trust_days")),
    )
    op.create_table(
        "stage_reaches",
        sa.Column("deal_id", types.Id, nullable=False),
        sa.Column("stage_id", types.Id, nullable=False),
        sa.Column("pipeline_id", types.Id, nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("reached_at", sa.BigInteger(), nullable=False),
        sa.Column("entered_at", sa.BigInteger(), nullable=True),
        sa.Column("owner_id", types.Id, nullable=True),
        sa.Column("outcome", sa.SmallInteger(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("credited_to", types.Id, nullable=True),
        sa.Column("in_order", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["credited_to"], ["users.id"], name=op.f("fk_stage_reaches_credited_to_users")),
        sa.ForeignKeyConstraint(
            ["deal_id"], ["deals.id"], name=op.f("fk_stage_reaches_deal_id_deals"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_stage_reaches_owner_id_users")),
        sa.ForeignKeyConstraint(["pipeline_id"], ["pipelines.id"], name=op.f("fk_stage_reaches_pipeline_id_pipelines")),
        sa.ForeignKeyConstraint(["stage_id"], ["stages.id"], name=op.f("fk_stage_reaches_stage_id_stages")),
        sa.PrimaryKeyConstraint("deal_id", "stage_id", name=op.f("pk_stage_reaches")),
    )
    with op.batch_alter_table("stage_reaches", schema=None) as batch_op:
        batch_op.create_index(
            "ix_stage_reaches_began",
            ["pipeline_id", "began_at", "stage_id", "in_order", "outcome", "reached_at", "decided_at"],
            unique=False,
        )
        batch_op.create_index(
            "ix_stage_reaches_stage",
            [
                "pipeline_id",
                "reached_at",
                "stage_id",
                "outcome",
                "entered_at",
                "credited_to",
                "owner_id",
                "began_at",
                "deal_id",
            ],
            unique=False,
        )

    # Plain ALTER: a batch would copy the whole table on SQLite, and lose what refers to its rows.
    op.execute("ALTER TABLE stage_visits ADD COLUMN owner_known BOOLEAN DEFAULT true NOT NULL")
    op.execute("ALTER TABLE stage_visits ADD COLUMN stay_entered_at BIGINT DEFAULT 0 NOT NULL")
    op.execute(FIRST_OF_STAY)
    op.create_index(
        "ix_stage_visits_stays",
        "stage_visits",
        [
            "pipeline_id",
            "stay_entered_at",
            "stage_id",
            "outcome",
            "next_stage_id",
            "left_at",
            "owner_id",
            "deal_id",
            "entered_at",
            "owner_known",
            "id",
        ],
    )
    entered = ["pipeline_id", "entered_at", "stage_id", "left_at", "owner_id", "owner_known", "outcome", "deal_id"]
    op.create_index("ix_stage_visits_entered", "stage_visits", entered)
    created = ["pipeline_id", "created_at", "status", "source", "return_source", "loss_reason_id", "currency"]
    created += ["amount_minor", "closed_at", "company_id", "created_channel", "owner_id", "id"]
    op.create_index("ix_deals_created", "deals", created)
    op.create_index("ix_deals_source", "deals", ["source"])
    _widen(
        ["loss_reason_id", "loss_stage_id", "created_at", "company_id", "created_channel", "id"],
        ", closed_at",
        ["id", "pipeline_id", "stage_id", "owner_known", "owner_id"],
        ["expected_close_on"],
    )
    whole = "CONSTRAINT ck_stages_win_percent_in_range CHECK (win_percent IS NULL OR win_percent BETWEEN 0 AND 100)"
    op.execute(f"ALTER TABLE stages ADD COLUMN win_percent INTEGER {whole}")
    op.execute("ALTER TABLE stages ADD COLUMN added_at BIGINT")
    now = int(utc_now().timestamp())
    # How far the deals came that are there already: a worker works it out, the dashboards tell that it is at it.
    op.execute(
        "INSERT INTO background_jobs (kind, status, arguments, unique_key, done, state, attempts, run_at, created_at)"
        f" SELECT 'retrace', 'queued', '{{}}', 'retrace', 0, '{{}}', 0, {now}, {now}"
        " WHERE EXISTS (SELECT 1 FROM deals)"
    )


def downgrade() -> None:
    op.execute("DELETE FROM background_jobs WHERE kind IN ('retrace', 'trust_day')")
    _widen([], "", [], [])
    op.drop_index("ix_deals_source", table_name="deals")
    op.drop_index("ix_deals_created", table_name="deals")
    op.drop_index("ix_stage_visits_entered", table_name="stage_visits")
    op.drop_index("ix_stage_visits_stays", table_name="stage_visits")
    op.execute("ALTER TABLE stages DROP COLUMN added_at")
    op.execute("ALTER TABLE stages DROP COLUMN win_percent")
    op.execute("ALTER TABLE stage_visits DROP COLUMN stay_entered_at")
    op.execute("ALTER TABLE stage_visits DROP COLUMN owner_known")
    for table in ("stage_reaches", "trust_days", "targets", "saved_views"):
        op.drop_table(table)


def _widen(closed: list[str], of_company: str, of_deal: list[str], in_work: list[str]) -> None:
    """Make indexes of deals and of their visits anew, with what dashboards read there."""
    op.drop_index("ix_deals_closed", table_name="deals")
    columns = ["pipeline_id", "status", "closed_at", "owner_id", "currency", "amount_minor", *closed]
    op.create_index("ix_deals_closed", "deals", columns)
    op.drop_index("ix_deals_of_company", table_name="deals")
    op.execute(
        f"CREATE INDEX ix_deals_of_company ON deals (company_id, status, id DESC{of_company})"
        " WHERE company_id IS NOT NULL"
    )
    op.drop_index("ix_stage_visits_deal_id_entered_at", table_name="stage_visits")
    op.create_index("ix_stage_visits_deal_id_entered_at", "stage_visits", ["deal_id", "entered_at", *of_deal])
    op.drop_index("ix_deals_board_sums", table_name="deals")
    columns = ["pipeline_id", "stage_id", "currency", "owner_id", "amount_minor", "priority", "source", *in_work]
    is_open = sa.text("status = 0")
    op.create_index("ix_deals_board_sums", "deals", columns, sqlite_where=is_open, postgresql_where=is_open)
