"""The commands of `xwhep-dispatcher`, a module a duty; each is loaded when it is typed."""
