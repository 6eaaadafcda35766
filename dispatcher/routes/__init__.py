"""The interface `/v1`: routes parse, call a use case and render; they decide nothing."""
