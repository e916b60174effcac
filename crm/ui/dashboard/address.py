"""The page's address as the one place that holds what a dashboard shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import streamlit as st

from crm.ui.device import is_phone

T = TypeVar("T", bound=str)
OPEN, OPEN_PAGE = "open", "page"
_SCOPE = ("pipeline", "period", "since", "until", "compare", "owner", "team", "source", "priority", "segment")
_CARRIED = "dashboard_scope"  # in the session: the scope of the dashboard looked at last
_NARROWS_NUMBERS = (OPEN, OPEN_PAGE)  # fall away when the figures change


def present_address() -> dict[str, str]:
    """Return the parameters of the page's address."""
    return dict(st.query_params.items())


def carry_scope() -> None:
    """Keep the scope in the address for links to other dashboards."""
    st.session_state[_CARRIED] = {name: value for name, value in present_address().items() if name in _SCOPE}


def carried_scope() -> dict[str, str]:
    """Return the scope of the dashboard looked at last, as parameters of an address."""
    return dict(st.session_state.get(_CARRIED, {}))


def changed_address(changes: Mapping[str, str | None]) -> None:
    """Put parameters into the address, a step of the browser's history; None and "" take one out. For callbacks."""
    address = {**present_address(), **changes}
    st.query_params.from_dict({name: value for name, value in address.items() if value})


def changed_figures(changes: Mapping[str, str | None]) -> None:
    """Do as `changed_address` where other figures come: the list of an open number is closed."""
    changed_address({**dict.fromkeys(_NARROWS_NUMBERS), **changes})


def addressed_choice(
    label: str,
    options: Sequence[T],
    *,
    param: str,
    format_func: Callable[[T], str],
    default: T | None = None,
    as_buttons: bool = False,
    told: str | None = None,
) -> T:
    """Draw a choice that lives in the address under `param`; the default, the first without one, is left out there."""
    first = options[0] if default is None else default
    asked = st.query_params.get(param, "")
    chosen = next((one for one in options if one == asked), first)
    key = f"address_{param}"
    st.session_state[key] = chosen

    def choose() -> None:
        changed_figures({param: "" if st.session_state[key] == first else st.session_state[key]})

    if as_buttons and not is_phone():
        st.segmented_control(
            label, options, format_func=format_func, key=key, on_change=choose, required=True, help=told
        )
    else:
        st.selectbox(label, options, format_func=format_func, key=key, on_change=choose, help=told, width=280)
    return chosen
