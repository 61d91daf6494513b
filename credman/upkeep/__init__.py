"""LOOKING AFTER tokens with their providers' help: checking, rotating, revoking, renewing.

Rule: composes a session, the catalogue and a client; knows no terminal. What is said to a person
goes through ``Person``.
"""
