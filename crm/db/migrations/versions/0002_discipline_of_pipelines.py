"""discipline of pipelines.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from crm.db import types

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lint_runs",
        sa.Column("id", types.Id, nullable=False),
        sa.Column("pipeline_id", types.Id, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("occasion", sa.String(length=20), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("findings", types.Json, nullable=False),
        sa.ForeignKeyConstraint(
            ["pipeline_id"], ["pipelines.id"], name=op.f("fk_lint_runs_pipeline_id_pipelines"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lint_runs")),
    )
    with op.batch_alter_table("lint_runs", schema=None) as batch_op:
        batch_op.create_index("ix_lint_runs_pipeline_id_at", ["pipeline_id", "at"], unique=False)

    op.create_table(
        "lint_acceptances",
        sa.Column("id", types.Id, nullable=False),
        sa.Column("pipeline_id", types.Id, nullable=False),
        sa.Column("code", sa.String(length=3), nullable=False),
        sa.Column("subject", sa.String(length=100), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("author_id", types.Id, nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name=op.f("fk_lint_acceptances_author_id_users")),
        sa.ForeignKeyConstraint(
            ["pipeline_id"],
            ["pipelines.id"],
            name=op.f("fk_lint_acceptances_pipeline_id_pipelines"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lint_acceptances")),
        sa.UniqueConstraint(
            "pipeline_id", "code", "subject", name=op.f("uq_lint_acceptances_pipeline_id_code_subject")
        ),
    )
    op.create_table(
        "pipeline_links",
        sa.Column("id", types.Id, nullable=False),
        sa.Column("from_pipeline_id", types.Id, nullable=False),
        sa.Column("trigger", sa.String(length=20), nullable=False),
        sa.Column("from_stage_id", types.Id, nullable=True),
        sa.Column("to_pipeline_id", types.Id, nullable=False),
        sa.Column("to_stage_id", types.Id, nullable=True),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("copied", types.Json, nullable=False),
        sa.Column("owner_rule", sa.String(length=20), nullable=False),
        sa.Column("owner_id", types.Id, nullable=True),
        sa.Column("delay_seconds", sa.Integer(), nullable=False),
        sa.Column("conditions", types.Json, nullable=False),
        sa.Column("cooldown_seconds", sa.Integer(), nullable=False),
        sa.Column("max_rounds", sa.Integer(), nullable=True),
        sa.Column("skip_if_open", sa.Boolean(), nullable=False),
        sa.Column("step_kind", sa.String(length=20), nullable=False),
        sa.Column("step_text", sa.String(length=500), nullable=False),
        sa.Column("step_due_seconds", sa.Integer(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(owner_rule = 'user') = (owner_id IS NOT NULL)", name=op.f("ck_pipeline_links_owner_of_rule")
        ),
        sa.CheckConstraint(
            "(trigger = 'stage') = (from_stage_id IS NOT NULL)", name=op.f("ck_pipeline_links_stage_of_trigger")
        ),
        sa.CheckConstraint(
            "delay_seconds >= 0 AND cooldown_seconds >= 0", name=op.f("ck_pipeline_links_no_negative_time")
        ),
        sa.CheckConstraint("max_rounds IS NULL OR max_rounds > 0", name=op.f("ck_pipeline_links_rounds_positive")),
        sa.ForeignKeyConstraint(
            ["from_pipeline_id"], ["pipelines.id"], name=op.f("fk_pipeline_links_from_pipeline_id_pipelines")
        ),
        sa.ForeignKeyConstraint(["from_stage_id"], ["stages.id"], name=op.f("fk_pipeline_links_from_stage_id_stages")),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=op.f("fk_pipeline_links_owner_id_users")),
        sa.ForeignKeyConstraint(
            ["to_pipeline_id"], ["pipelines.id"], name=op.f("fk_pipeline_links_to_pipeline_id_pipelines")
        ),
        sa.ForeignKeyConstraint(["to_stage_id"], ["stages.id"], name=op.f("fk_pipeline_links_to_stage_id_stages")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pipeline_links")),
    )
    with op.batch_alter_table("pipeline_links", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_pipeline_links_from_pipeline_id"), ["from_pipeline_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_pipeline_links_from_stage_id"), ["from_stage_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_pipeline_links_to_pipeline_id"), ["to_pipeline_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_pipeline_links_to_stage_id"), ["to_stage_id"], unique=False)

    op.create_table(
        "stage_transitions",
        sa.Column("id", types.Id, nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("from_stage_id", types.Id, nullable=False),
        sa.Column("to_stage_id", types.Id, nullable=False),
        sa.Column("is_allowed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["from_stage_id"], ["stages.id"], name=op.f("fk_stage_transitions_from_stage_id_stages"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["to_stage_id"], ["stages.id"], name=op.f("fk_stage_transitions_to_stage_id_stages"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stage_transitions")),
        sa.UniqueConstraint(
            "from_stage_id", "to_stage_id", "role", name=op.f("uq_stage_transitions_from_stage_id_to_stage_id_role")
        ),
    )
    with op.batch_alter_table("stage_transitions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_stage_transitions_to_stage_id"), ["to_stage_id"], unique=False)

    op.create_table(
        "deal_removals",
        sa.Column("id", types.Id, nullable=False),
        sa.Column("deal_id", types.Id, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor_id", types.Id, nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("restored_at", sa.BigInteger(), nullable=True),
        sa.Column("restored_by", types.Id, nullable=True),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name=op.f("fk_deal_removals_actor_id_users")),
        sa.ForeignKeyConstraint(
            ["deal_id"], ["deals.id"], name=op.f("fk_deal_removals_deal_id_deals"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["restored_by"], ["users.id"], name=op.f("fk_deal_removals_restored_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deal_removals")),
    )
    with op.batch_alter_table("deal_removals", schema=None) as batch_op:
        batch_op.create_index("ix_deal_removals_at", ["at"], unique=False)
        batch_op.create_index(
            "uq_deal_removals_out",
            ["deal_id"],
            unique=True,
            sqlite_where=sa.text("restored_at IS NULL"),
            postgresql_where=sa.text("restored_at IS NULL"),
        )

    op.create_table(
        "objections",
        sa.Column("id", types.Id, nullable=False),
        sa.Column("deal_id", types.Id, nullable=False),
        sa.Column("stage_id", types.Id, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("buys_if", sa.Text(), nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("outcome_note", sa.Text(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("author_id", types.Id, nullable=True),
        sa.Column("resolved_at", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name=op.f("fk_objections_author_id_users")),
        sa.ForeignKeyConstraint(
            ["deal_id"], ["deals.id"], name=op.f("fk_objections_deal_id_deals"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["stage_id"], ["stages.id"], name=op.f("fk_objections_stage_id_stages")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_objections")),
    )
    with op.batch_alter_table("objections", schema=None) as batch_op:
        batch_op.create_index("ix_objections_deal_id_at", ["deal_id", "at"], unique=False)
        batch_op.create_index("ix_objections_stage_id_outcome", ["stage_id", "outcome"], unique=False)

    op.create_table(
        "link_runs",
        sa.Column("id", types.Id, nullable=False),
        sa.Column("link_id", types.Id, nullable=False),
        sa.Column("deal_id", types.Id, nullable=False),
        sa.Column("visit_id", types.Id, nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("child_deal_id", types.Id, nullable=True),
        sa.Column("reason", sa.String(length=50), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["child_deal_id"], ["deals.id"], name=op.f("fk_link_runs_child_deal_id_deals"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["deal_id"], ["deals.id"], name=op.f("fk_link_runs_deal_id_deals"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["link_id"], ["pipeline_links.id"], name=op.f("fk_link_runs_link_id_pipeline_links")),
        sa.ForeignKeyConstraint(
            ["visit_id"], ["stage_visits.id"], name=op.f("fk_link_runs_visit_id_stage_visits"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_runs")),
        sa.UniqueConstraint("link_id", "deal_id", "visit_id", name=op.f("uq_link_runs_link_id_deal_id_visit_id")),
    )
    with op.batch_alter_table("link_runs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_link_runs_child_deal_id"), ["child_deal_id"], unique=False)
        batch_op.create_index("ix_link_runs_counts", ["link_id", "status", "done_at", "deal_id"], unique=False)
        batch_op.create_index("ix_link_runs_deal_id", ["deal_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_link_runs_visit_id"), ["visit_id"], unique=False)
        batch_op.create_index(
            "ix_link_runs_waiting",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("status = 'waiting'"),
            postgresql_where=sa.text("status = 'waiting'"),
        )

    op.create_table(
        "rule_overrides",
        sa.Column("id", types.Id, nullable=False),
        sa.Column("deal_id", types.Id, nullable=False),
        sa.Column("visit_id", types.Id, nullable=False),
        sa.Column("from_stage_id", types.Id, nullable=False),
        sa.Column("to_stage_id", types.Id, nullable=False),
        sa.Column("rules", types.Json, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor_id", types.Id, nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name=op.f("fk_rule_overrides_actor_id_users")),
        sa.ForeignKeyConstraint(
            ["deal_id"], ["deals.id"], name=op.f("fk_rule_overrides_deal_id_deals"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["from_stage_id"], ["stages.id"], name=op.f("fk_rule_overrides_from_stage_id_stages")),
        sa.ForeignKeyConstraint(["to_stage_id"], ["stages.id"], name=op.f("fk_rule_overrides_to_stage_id_stages")),
        sa.ForeignKeyConstraint(
            ["visit_id"], ["stage_visits.id"], name=op.f("fk_rule_overrides_visit_id_stage_visits"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_overrides")),
    )
    with op.batch_alter_table("rule_overrides", schema=None) as batch_op:
        batch_op.create_index("ix_rule_overrides_at", ["at"], unique=False)
        batch_op.create_index("ix_rule_overrides_deal_id", ["deal_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_rule_overrides_visit_id"), ["visit_id"], unique=False)

    # Plain ALTER: a batch would copy the whole table on SQLite, and lose the indexes the models don't know.
    reference = "CONSTRAINT fk_deals_origin_link_id_pipeline_links REFERENCES pipeline_links (id)"
    whole_number = types.Id.compile(op.get_bind().dialect)
    op.execute(f"ALTER TABLE deals ADD COLUMN origin_link_id {whole_number} {reference}")
    op.add_column("deals", sa.Column("round", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("deals", sa.Column("return_source", sa.String(length=100), nullable=True))
    op.create_index(op.f("ix_deals_origin_link_id"), "deals", ["origin_link_id"])
    for switch in ("forward_only", "no_skipping"):
        op.add_column("pipelines", sa.Column(switch, sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("pipelines", sa.Column("stands_alone", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("pipelines", sa.Column("lint_limits", types.Json, nullable=False, server_default=sa.text("'{}'")))
    every_role = sa.text("""'["manager", "head", "admin"]'""")
    op.add_column("pipelines", sa.Column("creation_roles", types.Json, nullable=False, server_default=every_role))
    one_field = sa.CheckConstraint(
        "(builtin IS NULL) <> (field_id IS NULL)", name=op.f("ck_stage_requirements_one_field")
    )
    with op.batch_alter_table("stage_requirements", table_args=(one_field,)) as batch_op:
        batch_op.add_column(sa.Column("moment", sa.String(length=20), nullable=False, server_default="entry"))
        batch_op.drop_constraint(batch_op.f("uq_stage_requirements_stage_id_builtin"), type_="unique")
        batch_op.drop_constraint(batch_op.f("uq_stage_requirements_stage_id_field_id"), type_="unique")
        batch_op.create_unique_constraint(
            batch_op.f("uq_stage_requirements_stage_id_moment_builtin"), ["stage_id", "moment", "builtin"]
        )
        batch_op.create_unique_constraint(
            batch_op.f("uq_stage_requirements_stage_id_moment_field_id"), ["stage_id", "moment", "field_id"]
        )

    op.add_column("stages", sa.Column("color", sa.String(length=20), nullable=True))
    op.add_column("stages", sa.Column("accepts_new", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("stages", sa.Column("step_kinds", types.Json, nullable=False, server_default=sa.text("'[]'")))
