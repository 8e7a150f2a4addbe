"""A check of everything under `.ledger`; readers check what they read, this checks what nobody has read yet.

inventory  what is there, by name and size; what belongs nowhere
journals   rows in flight: damaged, torn, abandoned
runs       the entries of a run, and what they say of each other and of other files
rows       the rows of a run, decoded
hashes     the bytes of files against their names and against those who name them
exposure   what looks like a credential
"""
