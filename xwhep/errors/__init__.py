"""The errors that may cross a process: one module an area, one registry of codes in `base`."""
