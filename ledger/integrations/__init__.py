"""Callbacks for the frameworks that models are trained with: one framework, one module, loaded by whoever imports it.

They use what `ledger` offers to everybody, and nothing beneath it. Each needs its framework: `pip install
'ledger-ml[keras]'`.
"""
