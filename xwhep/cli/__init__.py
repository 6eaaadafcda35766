"""The commands of `xwhep`, each loaded when it is typed."""
