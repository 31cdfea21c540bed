"""RACF: users and groups, general resource profiles, and who may use what. Text in, records through, text out."""
