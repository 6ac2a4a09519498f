"""A study's records made by an Apache Beam pipeline, in bounded memory.

`plan` is what is done, a driver's view of all stages; `study_set` is what is
left on disk and how a study reads it. Only modules that run a pipeline import
Apache Beam: who reads a set needs none.
"""
