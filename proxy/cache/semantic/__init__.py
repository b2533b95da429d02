"""Answers of questions that mean the same: off by default, and guarded where vectors are blind."""
