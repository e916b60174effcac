"""Why two records may be the same: the waterfall in words, and what people decided about such pairs."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from crm.duplicates.pair_values import BandRecord, PairCard
from crm.i18n import _, current_reader
from crm.i18n.formats import number
from crm.matching.values import MatchLine
from crm.ui.duplicate_words import chance, guard_words, is_start, line_words
from crm.ui.markdown import md

_LEAST_SCALE = 8.0  # log2 odds; one weak reason alone does not fill the bar


def draw_evidence(card: PairCard) -> None:
    """Draw each reason with its weight, the guards, and how often such pairs were the same."""
    st.markdown(f"**{_('Why')}**")
    st.html(waterfall(card.row.lines, card.row.probability))
    st.caption(
        _("To the right speaks for the same, to the left against. Each +1 doubles the odds, each −1 halves them.")
    )
    for guard in card.row.guards:
        st.caption(f":material/shield: {md(guard_words(guard))}")
    if card.band is not None:
        st.caption(f":material/groups: {md(band_words(card.band))}")


def waterfall(lines: Sequence[MatchLine], probability: float) -> str:
    """Return the reasons as rows of a words, a bar and a weight column; HTML, with all texts escaped."""
    scale = max([_LEAST_SCALE, *(abs(line.weight) for line in lines if not is_start(line))])
    rows = "".join(_row(line, scale) for line in lines if line.weight or not is_start(line))
    sum_up = f'<div></div><div class="number"><b>{chance(probability)}</b></div>'
    total = f"<div><b>{escape(_('Together'))}</b></div>{sum_up}"
    return f'<div class="voronka-lines" lang="{current_reader().language}">{rows}{total}</div>'


def band_words(band: BandRecord) -> str:
    """Return how often people merged pairs as likely as this one, as plain text."""
    share = round(100 * band.merged / band.decided) if band.decided else 0
    return _("Of 100 such pairs people merged {share}.", share=share)


def _row(line: MatchLine, scale: float) -> str:
    kind = f"{'start ' if is_start(line) else ''}{'for' if line.weight > 0 else 'against'}"
    width = min(50, round(50 * abs(line.weight) / scale))  # half the bar: what speaks against it grows to the left
    weight = f"{'+' if line.weight > 0 else '−' if line.weight < 0 else ''}{number(round(abs(line.weight), 1))}"
    return (
        f"<div>{escape(line_words(line))}</div>"
        f'<div class="bar" aria-hidden="true"><i class="{kind}" style="width:{width}%"></i></div>'
        f'<div class="number">{escape(weight)}</div>'
    )
