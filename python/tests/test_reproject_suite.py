"""reproject's own tests, run against skymosaic: all of these modules of the installed reproject. (test_utils.py of its healpix tests private functions.)"""

import os
import re
import subprocess
import sys

import pytest
import reproject

HERE = os.path.dirname(__file__)
# How many tests each module has, so that none goes missing; reproject itself skips the second number.
MODULES = {
    "mosaicking.tests.test_coadd": (101, 0),
    "mosaicking.tests.test_wcs_helpers": (148, 41),
    "healpix.tests.test_healpix": (1289, 27),
}


@pytest.mark.parametrize("module", MODULES)
def test_module(module):
    assert reproject.__version__.startswith("0.21"), "the tests of another release: look at what they are before changing this"
    command = [sys.executable, "-m", "pytest", "-p", "instead_of_reproject", "-p", "no:cacheprovider", "-q", "-rs", "-c", os.devnull]
    command += ["--rootdir", HERE, "--pyargs", f"reproject.{module}"]
    done = subprocess.run(command, cwd=HERE, env={**os.environ, "PYTHONPATH": HERE}, capture_output=True, text=True)
    print(done.stdout[-5000:], done.stderr[-2000:])
    assert done.returncode == 0
    counts = dict((what, int(count)) for count, what in re.findall(r"(\d+) (passed|skipped|failed)", done.stdout))
    total, skipped = MODULES[module]
    assert (counts["passed"], counts.get("skipped", 0)) == (total - skipped, skipped)
