"""Pictures of what tables hold: figures, drawn alike and saved as the same bytes every time. Loads matplotlib late.

Words used here: a *figure* is matplotlib's; a *picture* is its bytes; a *label* stands beside what it names.
"""
