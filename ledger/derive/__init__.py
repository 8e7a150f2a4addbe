"""What is computed from stored runs: here, whether they satisfy the gates.

`rules` says what is demanded, `repeats` which runs are one experiment and how sure its mean is, `baselines` what a
run is held against, `gates` the answer. All of it is arithmetic on states; `api/gate.py` finds the runs.
"""
