"""reproject's own tests of mosaicking, run against skymosaic: all of test_coadd.py and test_wcs_helpers.py of the installed reproject."""

import os
import re
import subprocess
import sys

import pytest
import reproject

HERE = os.path.dirname(__file__)
# How many tests each module has, so that none goes missing; reproject itself skips the second number.
MODULES = {"test_coadd": (101, 0), "test_wcs_helpers": (148, 41)}


@pytest.mark.parametrize("module", MODULES)
def test_module(module):
    assert reproject.__version__.startswith("0.21"), "the tests of another release: look at what they are before changing this"
    command = [sys.executable, "-m", "pytest", "-p", "instead_of_reproject", "-p", "no:cacheprovider", "-q", "-rs", "-c", os.devnull]
    command += ["--rootdir", HERE, "--pyargs", f"reproject.mosaicking.tests.{module}"]
    done = subprocess.run(command, cwd=HERE, env={**os.environ, "PYTHONPATH": HERE}, capture_output=True, text=True)
    print(done.stdout[-5000:], done.stderr[-2000:])
    assert done.returncode == 0
    counts = dict((what, int(count)) for count, what in re.findall(r"(\d+) (passed|skipped|failed)", done.stdout))
    total, skipped = MODULES[module]
    assert (counts["passed"], counts.get("skipped", 0)) == (total - skipped, skipped)
