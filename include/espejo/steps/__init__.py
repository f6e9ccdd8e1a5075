"""The steps of the flow, a file for each: it loads, calls a pure function, and saves.

The DAG's tasks and the command line call these same functions. Between steps go URIs and small
summaries; what a step needs it reads from the run's workspace. Each step is guarded, so that
no foreign exception's message, which may hold values of rows, reaches a log.
"""
