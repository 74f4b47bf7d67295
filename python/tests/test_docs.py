"""The pages of the documentation."""

import subprocess
import sys
from pathlib import Path

import pytest

import skymosaic

DOCS = Path(__file__).parents[1] / "docs"


def test_pages_build_without_warnings(tmp_path):
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", DOCS, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "api.html").read_text()
    for name in skymosaic.__all__:
        assert f'id="skymosaic.{name}"' in page


@pytest.mark.parametrize("name", skymosaic.__all__)
def test_docstrings(name):
    """Every parameter is described, and nothing else."""
    import inspect

    from numpydoc.docscrape import FunctionDoc

    function = getattr(skymosaic, name)
    if inspect.isclass(function):
        return
    described = [one.strip() for part in FunctionDoc(function)["Parameters"] for one in part.name.split(",")]
    expected = [f"**{p.name}" if p.kind is p.VAR_KEYWORD else p.name for p in inspect.signature(function).parameters.values()]
    assert sorted(described) == sorted(expected)
