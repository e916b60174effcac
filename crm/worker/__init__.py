"""The edge that does background work: inside the server's process, or in processes of its own."""
