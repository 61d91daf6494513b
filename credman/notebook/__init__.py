"""The front door for IPython: what the extension does in a kernel, and what a kernel saves.

Rule: nothing of IPython or of a platform is imported to find out where this runs.
"""
