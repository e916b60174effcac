"""duplicates and background work.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from crm.clock import utc_now
from crm.db import types

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

MERGEABLE = ("companies", "contacts", "deals")
MERGED = sa.text("merged_into_id IS NOT NULL")
# Records that were there before: their evidence is stale from the start, so that the background finds them.
PRESENT = (("company", "companies", "1 = 1"), ("contact", "contacts", "1 = 1"), ("deal", "deals", "status < 3"))


def upgrade() -> None:
    op.create_table(
        "identifier_stats",
        sa.Column("entity_type", sa.String(length=20), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("value", sa.String(length=300), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("names", sa.Integer(), nullable=False),
        sa.Column("is_shared", sa.Boolean(), nullable=False),
        sa.Column("stop_reason", sa.String(length=20), nullable=True),
        sa.PrimaryKeyConstraint("entity_type", "kind", "value", name=op.f("pk_identifier_stats")),
    )
    op.create_table(
        "match_evidence",
        sa.Column("entity_type", sa.String(length=20), nullable=False),
        sa.Column("entity_id", types.Id, autoincrement=False, nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("norm_version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("matched_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("entity_type", "entity_id", name=op.f("pk_match_evidence")),
    )
    with op.batch_alter_table("match_evidence", schema=None) as batch_op:
        batch_op.create_index(
            "ix_match_evidence_changed",
            ["entity_type", "entity_id"],
            unique=False,
            sqlite_where=sa.text("matched_at IS NULL"),
            postgresql_where=sa.text("matched_at IS NULL"),
        )
        batch_op.create_index(
            "ix_match_evidence_norm_version", ["norm_version", "entity_type", "entity_id"], unique=False
        )

    op.create_table(
        "match_keys",
        sa.Column("entity_type", sa.String(length=20), nullable=False),
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entity_id", types.Id, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("entity_type", "key", "entity_id", name=op.f("pk_match_keys")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "match_models",
        sa.Column("id", types.Id, nullable=False),
        sa.Column("entity_type", sa.String(length=20), nullable=False),
        sa.Column("weights", types.Json, nullable=False),
        sa.Column("calibration", types.Json, nullable=False),
        sa.Column("auto_at", sa.Float(), nullable=False),
        sa.Column("review_at", sa.Float(), nullable=False),
        sa.Column("trained_on", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_match_models")),
    )
    with op.batch_alter_table("match_models", schema=None) as batch_op:
        batch_op.create_index("ix_match_models_entity_type_id", ["entity_type", "id"], unique=False)

    op.create_table(
        "term_frequencies",
        sa.Column("entity_type", sa.String(length=20), nullable=False),
        sa.Column("field", sa.String(length=20), nullable=False),
        sa.Column("value", sa.String(length=300), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("entity_type", "field", "value", name=op.f("pk_term_frequencies")),
    )
    op.create_table(
        "wrong_fields",
        sa.Column("id", types.Id, nullable=False),
        sa.Column("entity_type", sa.String(length=20), nullable=False),
        sa.Column("entity_id", types.Id, nullable=False),
        sa.Column("field", sa.String(length=20), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("value", sa.String(length=300), nullable=False),
        sa.Column("found_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wrong_fields")),
        sa.UniqueConstraint(
            "entity_type",
            "entity_id",
            "field",
            "kind",
            "value",
            name=op.f("uq_wrong_fields_entity_type_entity_id_field_kind_value"),
        ),
    )
    op.create_index("ix_wrong_fields_entity_type_id", "wrong_fields", ["entity_type", "id"])
    op.create_table(
        "background_jobs",
        sa.Column("id", types.Id, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("arguments", types.Json, nullable=False),
        sa.Column("unique_key", sa.String(length=200), nullable=True),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("state", types.Json, nullable=False),
        sa.Column("result", types.Json, nullable=True),
        sa.Column("error", sa.String(length=200), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("held_by", sa.String(length=100), nullable=True),
        sa.Column("held_until", sa.BigInteger(), nullable=True),
        sa.Column("run_at", sa.BigInteger(), nullable=False),
        sa.Column("requested_by", types.Id, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("cancel_requested_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["requested_by"], ["users.id"], name=op.f("fk_background_jobs_requested_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_background_jobs")),
    )
    with op.batch_alter_table("background_jobs", schema=None) as batch_op:
        batch_op.create_index("ix_background_jobs_kind_id", ["kind", "id"], unique=False)
        batch_op.create_index(
            "ix_background_jobs_unfinished",
            ["status", "id"],
            unique=False,
            sqlite_where=sa.text("status IN ('queued', 'running')"),
            postgresql_where=sa.text("status IN ('queued', 'running')"),
        )
        batch_op.create_index(
            "uq_background_jobs_unfinished",
            ["unique_key"],
            unique=True,
            sqlite_where=sa.text("status IN ('queued', 'running')"),
            postgresql_where=sa.text("status IN ('queued', 'running')"),
        )

    op.create_table(
        "job_schedules",
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("fired_for", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_job_schedules")),
    )

    op.create_table(
        "match_pairs",
        sa.Column("id", types.Id, nullable=False),
        sa.Column("entity_type", sa.String(length=20), nullable=False),
        sa.Column("left_id", types.Id, nullable=False),
        sa.Column("right_id", types.Id, nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.Column("lines", types.Json, nullable=False),
        sa.Column("guards", types.Json, nullable=False),
        sa.Column("is_automatic", sa.Boolean(), nullable=False),
        sa.Column("value_minor", sa.BigInteger(), nullable=False),
        sa.Column("rank", sa.Float(), nullable=False),
        sa.Column("model_id", types.Id, nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("found_at", sa.BigInteger(), nullable=False),
        sa.Column("snoozed_until", sa.BigInteger(), nullable=True),
        sa.Column("decided_by", types.Id, nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("left_id < right_id", name=op.f("ck_match_pairs_ordered")),
        sa.ForeignKeyConstraint(["decided_by"], ["users.id"], name=op.f("fk_match_pairs_decided_by_users")),
        sa.ForeignKeyConstraint(["model_id"], ["match_models.id"], name=op.f("fk_match_pairs_model_id_match_models")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_match_pairs")),
        sa.UniqueConstraint(
            "entity_type", "left_id", "right_id", name=op.f("uq_match_pairs_entity_type_left_id_right_id")
        ),
    )
    with op.batch_alter_table("match_pairs", schema=None) as batch_op:
        batch_op.create_index("ix_match_pairs_right", ["entity_type", "right_id"], unique=False)
        batch_op.create_index("ix_match_pairs_state_rank", ["state", "rank", "id"], unique=False)

    op.create_table(
        "merge_batches",
        sa.Column("id", types.Id, nullable=False),
        sa.Column("entity_type", sa.String(length=20), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("least_weight", sa.Float(), nullable=False),
        sa.Column("planned", sa.Integer(), nullable=False),
        sa.Column("merged", sa.Integer(), nullable=False),
        sa.Column("skipped", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("actor_id", types.Id, nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name=op.f("fk_merge_batches_actor_id_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merge_batches")),
    )
    op.create_table(
        "merges",
        sa.Column("id", types.Id, nullable=False),
        sa.Column("entity_type", sa.String(length=20), nullable=False),
        sa.Column("survivor_id", types.Id, nullable=False),
        sa.Column("merged_id", types.Id, nullable=False),
        sa.Column("pair_id", types.Id, nullable=True),
        sa.Column("batch_id", types.Id, nullable=True),
        sa.Column("before", types.Json, nullable=False),
        sa.Column("choices", types.Json, nullable=False),
        sa.Column("moved", types.Json, nullable=False),
        sa.Column("actor_id", types.Id, nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("undone_at", sa.BigInteger(), nullable=True),
        sa.Column("undone_by", types.Id, nullable=True),
        sa.Column("conflicts", types.Json, nullable=True),
        sa.ForeignKeyConstraint(["actor_id"], ["users.id"], name=op.f("fk_merges_actor_id_users")),
        sa.ForeignKeyConstraint(["batch_id"], ["merge_batches.id"], name=op.f("fk_merges_batch_id_merge_batches")),
        sa.ForeignKeyConstraint(["pair_id"], ["match_pairs.id"], name=op.f("fk_merges_pair_id_match_pairs")),
        sa.ForeignKeyConstraint(["undone_by"], ["users.id"], name=op.f("fk_merges_undone_by_users")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merges")),
    )
    with op.batch_alter_table("merges", schema=None) as batch_op:
        batch_op.create_index("ix_merges_at", ["at"], unique=False)
        batch_op.create_index("ix_merges_batch_id", ["batch_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_merges_pair_id"), ["pair_id"], unique=False)
        batch_op.create_index("ix_merges_survivor", ["entity_type", "survivor_id"], unique=False)
        batch_op.create_index(
            "uq_merges_in_force",
            ["entity_type", "merged_id"],
            unique=True,
            sqlite_where=sa.text("undone_at IS NULL"),
            postgresql_where=sa.text("undone_at IS NULL"),
        )

    op.execute(f"ALTER TABLE workspace ADD COLUMN own_identifiers {types.Json.compile(op.get_bind().dialect)}")

    # Plain ALTER: a batch would copy the whole table on SQLite, and lose the indexes the models don't know.
    whole_number = types.Id.compile(op.get_bind().dialect)
    for table in MERGEABLE:
        reference = f"CONSTRAINT fk_{table}_merged_into_id_{table} REFERENCES {table} (id)"
        op.execute(f"ALTER TABLE {table} ADD COLUMN merged_into_id {whole_number} {reference}")
        op.create_index(
            f"ix_{table}_merged_into_id",
            table,
            ["merged_into_id"],
            sqlite_where=MERGED,
            postgresql_where=MERGED,
        )

    now = int(utc_now().timestamp())
    for kind, table, condition in PRESENT:
        op.execute(
            "INSERT INTO match_evidence (entity_type, entity_id, evidence, norm_version, updated_at, matched_at)"
            f""" SELECT '{kind}', id, '{{"record_id":""}}', 0, {now}, {now} FROM {table} WHERE {condition}"""
        )


def downgrade() -> None:
    _refuse_while_merged()
    # Plain ALTER, as above: a batch drops the table, and with it whatever hangs on its rows by a cascade.
    op.execute("ALTER TABLE workspace DROP COLUMN own_identifiers")
    for table in reversed(MERGEABLE):
        op.drop_index(f"ix_{table}_merged_into_id", table_name=table)
        op.execute(f"ALTER TABLE {table} DROP COLUMN merged_into_id")
    with op.batch_alter_table("merges", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_merges_in_force",
            sqlite_where=sa.text("undone_at IS NULL"),
            postgresql_where=sa.text("undone_at IS NULL"),
        )
        batch_op.drop_index("ix_merges_survivor")
        batch_op.drop_index(batch_op.f("ix_merges_pair_id"))
        batch_op.drop_index("ix_merges_batch_id")
        batch_op.drop_index("ix_merges_at")

    op.drop_table("merges")
    op.drop_table("merge_batches")
    with op.batch_alter_table("match_pairs", schema=None) as batch_op:
        batch_op.drop_index("ix_match_pairs_state_rank")
        batch_op.drop_index("ix_match_pairs_right")

    op.drop_table("match_pairs")
    with op.batch_alter_table("background_jobs", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_background_jobs_unfinished",
            sqlite_where=sa.text("status IN ('queued', 'running')"),
            postgresql_where=sa.text("status IN ('queued', 'running')"),
        )
        batch_op.drop_index(
            "ix_background_jobs_unfinished",
            sqlite_where=sa.text("status IN ('queued', 'running')"),
            postgresql_where=sa.text("status IN ('queued', 'running')"),
        )
        batch_op.drop_index("ix_background_jobs_kind_id")

    op.drop_table("job_schedules")
    op.drop_table("background_jobs")
    op.drop_index("ix_wrong_fields_entity_type_id", table_name="wrong_fields")
    op.drop_table("wrong_fields")
    op.drop_table("term_frequencies")
    with op.batch_alter_table("match_models", schema=None) as batch_op:
        batch_op.drop_index("ix_match_models_entity_type_id")

    op.drop_table("match_models")
    op.drop_table("match_keys")
    with op.batch_alter_table("match_evidence", schema=None) as batch_op:
        batch_op.drop_index("ix_match_evidence_norm_version")
        batch_op.drop_index(
            "ix_match_evidence_changed",
            sqlite_where=sa.text("matched_at IS NULL"),
            postgresql_where=sa.text("matched_at IS NULL"),
        )

    op.drop_table("match_evidence")
    op.drop_table("identifier_stats")


def _refuse_while_merged() -> None:
    """Refuse where merged records would stand in lists again beside those that have all they had."""
    conditions = {"merges": "undone_at IS NULL", **dict.fromkeys(MERGEABLE, "merged_into_id IS NOT NULL")}
    queries = [f"SELECT 1 FROM {table} WHERE {condition} LIMIT 1" for table, condition in conditions.items()]
    queries.append("SELECT 1 FROM deals WHERE status = 4 LIMIT 1")  # merged
    if any(op.get_bind().scalar(sa.text(query)) for query in queries):
        raise RuntimeError(
            "Records are merged: revision 0002 can't hide them. Take every merge back first (page Duplicates, History)."
        )
