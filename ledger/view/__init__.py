"""What is shown: what a table holds becomes text or JSON. Nothing here reads a file, asks git or prints."""
