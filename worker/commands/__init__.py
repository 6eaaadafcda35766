"""The commands of `xwhep-worker`, a module a duty; each is loaded when it is typed."""
