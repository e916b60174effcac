"""Our two small browser scripts as Streamlit components that a strict Content-Security-Policy allows."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import streamlit as st
from streamlit.components.v2.get_bidi_component_manager import get_bidi_component_manager
from streamlit.components.v2.manifest_scanner import ComponentConfig, ComponentManifest
from streamlit.components.v2.types import ComponentRenderer

FOLDER: Final = Path(__file__).parent / "components"
PACKAGE: Final = "voronka"


def browser_script(name: str) -> ComponentRenderer:
    """Return the component whose script is `components/<name>.js`.

    A script given as text becomes a blob: address, which `script-src 'self'` forbids; one from a declared folder is
    served by Streamlit under its own address. Streamlit finds declarations only in installed packages, so the folder
    is declared here.
    """
    manager = get_bidi_component_manager()
    full_name = f"{PACKAGE}.{name}"
    if manager.get_component_asset_root(full_name) is None:
        components = [ComponentConfig(name=path.stem, asset_dir=FOLDER.name) for path in sorted(FOLDER.glob("*.js"))]
        manager.register_from_manifest(ComponentManifest(PACKAGE, "1", components), FOLDER.parent)
    return st.components.v2.component(full_name, js=f"{name}.js")
