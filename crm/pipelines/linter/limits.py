"""Where findings begin: the defaults, in one place."""

from __future__ import annotations

FEWEST_DEALS = 20  # below it a share says nothing

FEWEST_STAGES, MOST_STAGES, FAR_TOO_MANY_STAGES = 5, 8, 10
MERGE_PASS_SHARE = 0.9
MERGE_SHORT_SHARE = 0.5  # half of the stays under an hour: so is the median
ONE_SOURCE_SHARE = 0.8
CROWD_SHARE = 0.3
CROWD_TIMES_EVEN = 1.5  # of three stages each holds a third
OLD_TIMES = 3
NO_TASK_SHARE = 0.2
SKIPPED_SHARE = 0.4
BACK_SHARE = 0.1
FEWEST_REASONS = 4
OTHER_SHARE = 0.2
ONE_REASON_SHARE = 0.6
UNUSED_AFTER_LOSSES = 100
OWN_STAGE_SHARE = 0.05  # a team that rarely comes to a stage does not work there

DAY_SECONDS = 86400
LOOP_COOLDOWN_SECONDS = 30 * DAY_SECONDS
LOOP_ROUNDS = 3
FIRST_NORM_SECONDS, USUAL_NORM_SECONDS = DAY_SECONDS, 3 * DAY_SECONDS
