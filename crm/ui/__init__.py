"""The only importable Streamlit code: what pages are made of."""
