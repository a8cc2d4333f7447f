# SPDX-License-Identifier: MIT
"""What scripts/mutants is made of.

fault      one planted fault; the seeded ones of tests/host/mutants/seeded.toml, and where they go
operators  the generic ones: small changes of any function of hv/mm, hv/pt, hv/pv
host       kills by the host tests: one object compiled, one library linked, programs run
boot       kills by a boot: scenarios and the conformance suite, for what the host cannot run
results    verdicts kept in build/mutants/results.json, so that an interrupted run is carried on
"""
