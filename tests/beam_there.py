"""Tests that run pipelines: skipped where Apache Beam is not installed.

It comes with the extra `test`; with CI=true its absence is a failure.
"""

import importlib.util
import os

import pytest

MISSING = importlib.util.find_spec('apache_beam') is None
needs_beam = pytest.mark.skipif(
  MISSING and not os.environ.get('CI'), reason='apache-beam is not installed'
)
