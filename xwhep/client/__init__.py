"""The client library: every way into the dispatcher's interface `/v1`."""
