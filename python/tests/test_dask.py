"""Windows on dask's schedulers, and on a real cluster of two worker processes."""

import functools
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import dask
import dask.array as da
import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from conftest import same_bytes, smooth, tan
from distributed import Client, LocalCluster

from skymosaic import (
    reproject_adaptive,
    reproject_and_coadd,
    reproject_exact,
    reproject_interp,
)

WINDOWS = {"block_size": (50, 40)}
TWO = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": ":0"}
HALVES = {"block_size": (110, 65)}


@pytest.fixture(scope="module")
def client():
    # Without spilling and pausing: what else is on the machine is no matter of these tests.
    with dask.config.set({"distributed.worker.memory.spill": False, "distributed.worker.memory.pause": False}):
        with LocalCluster(**TWO) as cluster, Client(cluster) as client:
            yield client


@pytest.fixture
def common(target):
    return {"output_projection": target, "shape_out": target.array_shape, "reproject_function": "bilinear"}


def distributed(images, **arguments):
    return reproject_and_coadd(images, parallel="current-scheduler", **{**WINDOWS, **arguments})


def all_ways(images, tmp_path, **arguments):
    """The mosaic in every form in which a scheduler can give it."""
    yield "numpy", distributed(images, **arguments)
    outputs = [np.memmap(tmp_path / f"{name}.dat", "f8", "w+", shape=arguments["shape_out"]) for name in ("a", "f")]
    yield "memmap", distributed(images, output_array=outputs[0], output_footprint=outputs[1], **arguments)
    lazy = reproject_and_coadd(images, return_type="dask", **WINDOWS, **arguments)
    assert all(isinstance(array, da.Array) for array in lazy)
    assert lazy[0].chunks[-1][0] == 40 and lazy[0].chunks[-2][0] == 50
    yield "dask", dask.compute(*lazy)
    stored = reproject_and_coadd(images, return_type="zarr", zarr_path=tmp_path / "mosaic.zarr", **WINDOWS, **arguments)
    assert stored[0].chunksize[-2:] == (50, 40)
    yield "zarr", dask.compute(*stored)


KINDS = ["files", "arrays", "dask arrays", "mixed", "weights", "astropy", "cube"]


def inputs(kind, images, files, tmp_path):
    """Images and further arguments of each kind."""
    if kind == "files":
        return files, {}
    if kind == "dask arrays":
        return [(da.from_array(array, chunks=37), wcs) for array, wcs in images], {}
    if kind == "mixed":
        return [files[0], images[1], (da.from_array(images[2][0]), images[2][1]), files[3]], {}
    if kind == "weights":
        weights = [1 + np.arange(array.size).reshape(array.shape) % 5 for array, _ in images]
        fits.writeto(tmp_path / "weights.fits", weights[1].astype("f4"))
        return images, {"input_weights": [weights[0], str(tmp_path / "weights.fits"), *weights[2:]]}
    if kind == "astropy":
        # A WCS that travels and is asked on the workers.
        table = WCS(images[1][1].to_header())
        table.wcs.ctype = "HPLN-TAN", "HPLT-TAN"
        target = tan(shape=(110, 130), ctype=("HPLN-TAN", "HPLT-TAN"), crval=(1 / 3, 1 / 7))
        solar = []
        for number, (array, _) in enumerate(images):
            wcs = tan(ctype=("HPLN-TAN", "HPLT-TAN"), crval=(1 / 3 + 0.1 * number, 1 / 7), angle=10 * number)
            solar.append((array, wcs))
        for wcs in (target, *(wcs for _, wcs in solar)):
            wcs.wcs.dateobs = "2011-02-15T00:00:00"
            wcs.wcs.aux.rsun_ref, wcs.wcs.aux.dsun_obs = 6.957e8, 1.48e11 / 3
            wcs.wcs.aux.hgln_obs, wcs.wcs.aux.hglt_obs = 0.0, -7 / 3
        return solar, {"output_projection": target}
    if kind == "cube":
        cubes = [(np.stack([array, 2 * array, array - 1]), wcs) for array, wcs in images]
        return cubes, {"shape_out": (3, 110, 130)}
    return images, {}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("matched", [False, True])
def test_cluster(client, images, files, common, tmp_path, kind, matched):
    if kind == "astropy":
        pytest.importorskip("sunpy.coordinates")
    given, further = inputs(kind, images, files, tmp_path)
    arguments = {**common, **further, "match_background": matched}
    expected = reproject_and_coadd(given, **arguments)
    assert np.count_nonzero(expected[1]) > 1000
    assert same_bytes(reproject_and_coadd(given, parallel=2, **arguments), expected)
    for way, found in all_ways(given, tmp_path, **arguments):
        assert same_bytes(found, expected), way


@pytest.mark.parametrize("scheduler", ["synchronous", "threads", "processes"])
def test_schedulers(scheduler, images, files, common, tmp_path):
    given, _ = inputs("mixed", images, files, tmp_path)
    expected = reproject_and_coadd(given, match_background="plane", **common)
    with dask.config.set(scheduler=scheduler):
        if scheduler == "processes":
            # Starts processes for each computation.
            found = distributed(given, match_background="plane", **common, **HALVES)
            assert same_bytes(found, expected)
            return
        for way, found in all_ways(given, tmp_path, match_background="plane", **common):
            assert same_bytes(found, expected), way


def test_single_precision(client, images, common):
    expected = reproject_and_coadd(images, output_array=np.empty(common["shape_out"], "f4"), **common)
    found = distributed(images, output_array=np.empty(common["shape_out"], "f4"), **common)
    assert found[0].dtype == "f4" and same_bytes(found, expected)


def test_progress_and_errors(client, images, files, common, tmp_path):
    seen = []

    def bar(items):
        for item in items:
            seen.append(item)
            yield item

    distributed(files, progress_bar=bar, **common)
    assert seen == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="Cannot use return_type='dask' together with output_array"):
        reproject_and_coadd(images, return_type="dask", output_array=np.empty(common["shape_out"]), **common)
    with pytest.raises(FileExistsError, match="remove it"):
        reproject_and_coadd(images, return_type="zarr", zarr_path=tmp_path, **common)
    lazy = reproject_and_coadd(files, return_type="dask", **WINDOWS, **common)
    os.remove(files[1])
    with pytest.raises(FileNotFoundError, match="image1.fits"):
        lazy[0].compute()


def kill_one(client):
    """Kills a worker process as an operating system out of memory does."""
    pid = next(iter(client.run(os.getpid).values()))
    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize(("how", "kind"), [("numpy", "files"), ("numpy", "arrays"), ("zarr", "cube"), ("dask", "arrays")])
def test_lost_worker(images, files, common, tmp_path, kind, how):
    """A worker is killed after a third of the windows; its windows, and what it held, are done again."""
    given, further = inputs(kind, images, files, tmp_path)
    arguments = {**common, **further, "match_background": True, "block_size": (22, 26)}
    expected = reproject_and_coadd(given, **arguments)
    with dask.config.set({"distributed.comm.timeouts.connect": "10s"}):
        with LocalCluster(**TWO) as cluster, Client(cluster) as client:
            killed = []

            def bar(items):
                for item in items:
                    if item == 1 and not killed:
                        killed.append(True)
                        kill_one(client)
                    yield item

            if how == "numpy":
                found = reproject_and_coadd(given, parallel="current-scheduler", progress_bar=bar, **arguments)
            elif how == "zarr":
                stored = reproject_and_coadd(
                    given, return_type="zarr", zarr_path=tmp_path / "mosaic.zarr", progress_bar=bar, **arguments
                )
                found = dask.compute(*stored)
            else:
                lazy = reproject_and_coadd(given, return_type="dask", **arguments)
                timer = threading.Timer(0.3, functools.partial(bar_once, client, killed))
                timer.start()
                found = dask.compute(*lazy)
                timer.join()
    assert killed
    assert same_bytes(found, expected)


def bar_once(client, killed):
    killed.append(True)
    kill_one(client)


def test_memory_of_the_client(tmp_path):
    """The client of a mosaic that the workers write holds less than two windows."""
    program = """
        import sys, threading, time
        sys.path.insert(0, sys.argv[1])
        import numpy as np, psutil, zarr
        from distributed import Client, LocalCluster
        from astropy.io import fits
        from conftest import smooth, tan
        from skymosaic import reproject_and_coadd

        def mosaic(name, side, window):
            target = tan(shape=(side, side), scale=1e-4)
            return reproject_and_coadd(
                files, target, reproject_function="bilinear", return_type="zarr", zarr_path=f"{sys.argv[2]}/{name}.zarr",
                block_size=(window, window),
            )

        if __name__ == "__main__":
            files = []
            for number in range(4):
                files.append(f"{sys.argv[2]}/{number}.fits")
                wcs = tan((43 + 0.1 * number, 23), (600, 600), 1e-3, angle=5 * number)
                fits.writeto(files[-1], smooth((600, 600)).astype("f4"), wcs.to_header())
            with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster, Client(cluster):
                mosaic("warm", 256, 64)
                process, seen, stop = psutil.Process(), [], threading.Event()
                before = process.memory_info().rss
                def watch():
                    while not stop.wait(0.005):
                        seen.append(process.memory_info().rss)
                thread = threading.Thread(target=watch)
                thread.start()
                array, _ = mosaic("large", 4096, 1365)
                stop.set()
                thread.join()
                window = 2 * 8 * 1365**2
                print(max(seen) - before, window, array.nbytes, (array[::50, ::50] != 0).mean().compute())
    """
    script = tmp_path / "memory.py"
    script.write_text(textwrap.dedent(program))
    command = [sys.executable, str(script), os.path.dirname(__file__), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    print(done.stdout, done.stderr[-2000:])
    grown, window, nbytes, covered = map(float, done.stdout.split()[-4:])
    print(f"client: {grown / 1e6:.0f} MB above what it had; a window has {window / 1e6:.0f} MB, the mosaic {2 * nbytes / 1e6:.0f} MB")
    assert covered > 0.5
    assert grown < 2 * window


def test_inputs_stay_where_they_are_needed(images, common):
    """A window gets the arrays that it needs, not all."""
    from skymosaic import _tasks
    from skymosaic._inputs import parse_image, parse_target
    from skymosaic._mosaic import Job

    target = parse_target(tan(shape=(1000, 1000)), None)
    job = Job.of([(parse_image(image), None) for image in images], target, {"resample": "bilinear"}, True, 1)
    windows = _tasks.Windows(job, "f8", ("footprint",), (100, 100))
    needed = {window: windows.needs(window) for window in windows}
    assert needed[(0, 0, 100, 100)] == []
    assert max(map(len, needed.values())) == 4
    assert len(windows.order) < 20000
    started = time.perf_counter()
    _tasks.compute(windows.token, windows.order, [], [], None, (0, 0, 100, 100))
    print(f"{time.perf_counter() - started:.3f} s for an empty window")
    _tasks.forget([windows.token])


def test_planned_once(client, files, common):
    """A worker keeps the plan of a job from window to window."""
    from skymosaic import _tasks
    from skymosaic._inputs import parse_image, parse_target
    from skymosaic._mosaic import Job

    target = parse_target(common["output_projection"], common["shape_out"])
    job = Job.of([(parse_image(file), None) for file in files], target, {"resample": "bilinear"}, True, 1)
    windows = _tasks.Windows(job, "f8", ("footprint",), (20, 20))
    made = []
    original = _tasks._make_plan
    try:
        _tasks._make_plan = lambda *arguments, **named: made.append(1) or original(*arguments, **named)
        for window in windows:
            _tasks.compute(windows.token, windows.order, [], [], None, window)
    finally:
        _tasks._make_plan = original
        _tasks.forget([windows.token])
    assert len(made) == 1


@pytest.mark.parametrize("function", [reproject_interp, reproject_adaptive, reproject_exact])
def test_single_images_and_cubes(client, images, files, target, tmp_path, function):
    """What the workers of a cluster compute of one image, one file and one cube has the bytes that it has here."""
    cube = np.stack([images[0][0] * k for k in range(1, 6)]), images[0][1]
    lazy = da.from_array(cube[0], chunks=(2, 30, 40)), cube[1]
    for number, (given, block) in enumerate(((images[2], (50, 40)), (files[3], (50, 40)), (cube, (5, 60, 65)), (lazy, (2, 110, 130)))):
        expected = function(given, target)
        common = {"parallel": "current-scheduler", "block_size": block}
        assert same_bytes(function(given, target, **common), expected)
        assert same_bytes(dask.compute(*function(given, target, return_type="dask", **common)), expected)
        stored = function(given, target, return_type="zarr", zarr_path=tmp_path / f"{number}.zarr", **common)
        assert same_bytes(dask.compute(*stored), expected)


def test_channels_between_channels(client, tmp_path):
    """A cube in a zarr store onto other channels and another store, a few planes at a time."""
    wcs, target = cube_wcs(tan(), 1.4e9, 1e6), cube_wcs(tan(shape=(50, 60), angle=20), 1.4e9 - 2e5, 0.7e6)
    pixels = smooth((9, 60, 80)) * np.arange(1, 10)[:, None, None]
    da.from_array(pixels, chunks=(3, 60, 80)).to_zarr(tmp_path / "in.zarr")
    common = {"shape_out": (12, 50, 60), "order": "bilinear"}
    expected = reproject_interp((pixels, wcs), target, **common)
    assert np.count_nonzero(expected[1]) > 10000
    given = da.from_zarr(str(tmp_path / "in.zarr")), wcs
    for number, block in enumerate(((4, 50, 60), (12, 25, 30))):
        stored = reproject_interp(
            given, target, parallel="current-scheduler", block_size=block, return_type="zarr", zarr_path=tmp_path / f"{number}.zarr", **common
        )
        assert stored[0].chunksize == block
        assert same_bytes(dask.compute(*stored), expected)


def cube_wcs(wcs, crval, step):
    header = wcs.to_header()
    header["WCSAXES"], header["CTYPE3"], header["CRPIX3"], header["CRVAL3"], header["CDELT3"] = 3, "FREQ", 1.0, crval, step
    return WCS(header)
