"""`python -m ledger`: the command line, unambiguous where another `ledger` comes first on PATH."""

from ledger.cli import main

if __name__ == "__main__":
    main()
