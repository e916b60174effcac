"""Our small browser scripts as components that a strict Content-Security-Policy allows, and the page's style."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Final

import streamlit as st
from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest
from streamlit.components.v2.types import ComponentRenderer

FOLDER: Final = Path(__file__).parent / "components"
PACKAGE: Final = "voronka"


def browser_script(name: str) -> ComponentRenderer:
    """Return the component whose script is `components/<name>.js`, with `<name>.css` where there is one.

    A script given as text becomes a blob: address, which `script-src 'self'` forbids; one from a declared folder is
    served by Streamlit under its own address. Streamlit finds declarations only in installed packages, so the folder
    is declared here.
    """
    manager = get_bidi_component_manager()
    part = _named_by_content(name)
    full_name = f"{PACKAGE}.{part}"
    if manager.get_component_asset_root(full_name) is None:
        component = ComponentConfig(name=part, asset_dir=FOLDER.name)
        manager.register_from_manifest(ComponentManifest(PACKAGE, "1", [component]), FOLDER.parent)
    css = f"{name}.css" if (FOLDER / f"{name}.css").exists() else None
    return st.components.v2.component(full_name, js=f"{name}.js", css=css)


def page_style() -> None:
    """Draw the few rules for the page itself, `components/page.css`; the shell does."""
    st.html(FOLDER / "page.css")


@cache
def _named_by_content(name: str) -> str:
    # The name is part of the script's address: a browser never runs an old script with a new program.
    digest = hashlib.sha256((FOLDER / f"{name}.js").read_bytes()).hexdigest()
    return f"{name}_{digest[:12]}"
