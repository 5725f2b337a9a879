"""The parts of scripts/bench. Standard library only.

cases     what is measured: requests, the data they need, the targets
servers   kdmd with its own Redis, and the limits, as child processes
load      runs ws_load and reads its result
redis     asks Redis a few things over its socket
websocket asks kdmd a few things before the measuring
report    medians, ratios, the table, JSON lines
"""
