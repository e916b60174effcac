"""The message that makes an open Streamlit tab leave for another address."""

from __future__ import annotations

from streamlit.proto.ForwardMsg_pb2 import ForwardMsg


def go_to(address: str) -> bytes:
    """Return the WebSocket message on which the browser opens the address."""
    message = ForwardMsg()
    message.auth_redirect.url = address
    return bytes(message.SerializeToString())
