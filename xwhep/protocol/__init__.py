"""The messages of the interface `/v1`, and the field groups that messages and tables share."""
