"""Started tasks: what S starts, F talks to and P stops."""
