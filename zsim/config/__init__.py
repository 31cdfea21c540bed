"""The languages an administrator writes: one file each, text -> (statements, findings)."""
