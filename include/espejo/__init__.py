"""Espejo ("mirror"): synthetic mirrors of official surveys.

The modules are named after the steps of the flow, in the order in which data passes:
spec, ingest, validate, train, sample, evaluate, report, publish. Nothing here imports
Airflow, and nothing here knows a survey's columns: those are in `include/surveys/`.
"""
