"""Records that mean the same: found, reviewed, merged and taken apart again."""
