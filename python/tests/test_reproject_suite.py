"""reproject's own test suite run against skymosaic: see instead_of_reproject.py for what is replaced, and what cannot pass.

Left out are HiPS, and the modules that test private functions of reproject and nothing else: test_array_utils, test_overlap, test_background,
test_subset_array, and test_utils of healpix.
"""

import os
import re
import subprocess
import sys

import pytest
import reproject

HERE = os.path.dirname(__file__)
# Of each module how many tests it has, how many of them reproject itself skips, and how many are exceptions; so that none goes missing.
MODULES = {
    "interpolation.tests.test_core": (370, 96, 3),
    "adaptive.tests.test_core": (253, 96, 16),
    "spherical_intersect.tests.test_high_level": (214, 96, 0),
    "spherical_intersect.tests.test_reproject": (6, 0, 0),
    "healpix.tests.test_healpix": (1289, 27, 0),
    "mosaicking.tests.test_coadd": (101, 0, 0),
    "mosaicking.tests.test_wcs_helpers": (148, 41, 0),
    "tests.test_high_level": (191, 3, 0),
    "tests.test_utils": (114, 44, 0),
}


@pytest.mark.parametrize("module", MODULES)
def test_module(module):
    assert reproject.__version__.startswith("0.21"), "the tests of another release: look at what they are before changing this"
    command = [sys.executable, "-m", "pytest", "-p", "instead_of_reproject", "-p", "no:cacheprovider", "-q", "-rs", "-c", os.devnull]
    # References are compared with, and tests that are marked as in need of remote data run: what they need is installed with reproject, or stood in for.
    command += ["--arraydiff", "--arraydiff-default-format=fits", "--remote-data=any"]
    command += ["--rootdir", HERE, "--pyargs", f"reproject.{module}"]
    done = subprocess.run(command, cwd=HERE, env={**os.environ, "PYTHONPATH": HERE}, capture_output=True, text=True)
    print(done.stdout[-5000:], done.stderr[-2000:])
    assert done.returncode == 0
    counts = dict((what, int(count)) for count, what in re.findall(r"(\d+) (passed|skipped|failed|xfailed)", done.stdout.splitlines()[-1]))
    total, skipped, exceptions = MODULES[module]
    found = counts["passed"] + counts.get("skipped", 0) + counts.get("xfailed", 0), counts.get("skipped", 0), counts.get("xfailed", 0)
    assert found == (total, skipped, exceptions)
