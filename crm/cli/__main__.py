"""Entry of `python -m crm.cli`."""

from __future__ import annotations

import sys

from crm.cli.run import main

sys.exit(main())
