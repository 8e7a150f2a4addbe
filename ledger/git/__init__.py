"""Ask git about the repository a run belongs to; nothing else of ledger runs git or knows how it stores things."""
