"""Outputs of the caller, progress, interruption, threads."""

import io
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest
from conftest import same_bytes, smooth, tan, worst
from tqdm import tqdm

from skymosaic import reproject_and_coadd


@pytest.fixture
def common(target):
    return {"output_projection": target, "shape_out": target.array_shape, "reproject_function": "lanczos3"}


def layouts(shape, dtype, folder):
    """Arrays of a shape and type with everything numpy knows of strides, each filled with rubbish."""
    ny, nx = shape
    yield "plain", np.full(shape, 99, dtype)
    yield "fortran", np.full(shape, 99, dtype, order="F")
    yield "every third", np.full((3 * ny, 2 * nx), 99, dtype)[::3, ::2]
    yield "backwards", np.full(shape, 99, dtype)[::-1, ::-1]
    yield "transposed", np.full((nx, ny), 99, dtype).T
    yield "memmap", np.memmap(folder / f"{dtype}.dat", dtype, "w+", shape=shape)
    yield "npy", np.lib.format.open_memmap(folder / f"{dtype}.npy", "w+", dtype, shape)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_in_place(images, common, dtype, tmp_path):
    ny, nx = common["shape_out"]
    expected = reproject_and_coadd(images, output_array=np.empty((ny, nx), dtype), **common)
    assert expected[0].dtype == expected[1].dtype == dtype
    for (name, array), (_, footprint) in zip(
        layouts((ny, nx), dtype, tmp_path), list(layouts((ny, nx), dtype, tmp_path / ".."))[::-1], strict=True
    ):
        found = reproject_and_coadd(images, output_array=array, output_footprint=footprint, **common)
        assert found[0] is array and found[1] is footprint, name
        assert same_bytes(found, expected), name
    mapped = np.memmap(tmp_path / f"{dtype}.dat", dtype, "r", shape=(ny, nx))
    assert mapped.tobytes() == expected[0].tobytes()


@pytest.mark.parametrize("dtype", [">f4", ">f8", "i4", "f2"])
def test_through_strips(images, common, dtype, monkeypatch):
    """Types that cannot be written in place."""
    import skymosaic._mosaic

    monkeypatch.setattr(skymosaic._mosaic, "_STRIP", 1300)
    native = "f4" if dtype == ">f4" else "f8"
    expected, count = reproject_and_coadd(images, output_array=np.empty(common["shape_out"], native), **common)
    array, footprint = np.empty(common["shape_out"], dtype), np.empty(common["shape_out"], "f8")
    reproject_and_coadd(images, output_array=array, output_footprint=footprint, **common)
    assert np.array_equal(array, expected.astype(dtype)) and np.array_equal(footprint, count)


def test_output_is_an_input(images, common):
    array = np.zeros(common["shape_out"])
    with pytest.raises(Exception, match="borrowed"):
        reproject_and_coadd([(array, tan(shape=array.shape)), *images], output_array=array, **common)


def test_same_bytes(images, common):
    expected = reproject_and_coadd(images, **common)
    for parallel in (True, 1, 2, 3):
        assert same_bytes(reproject_and_coadd(images, parallel=parallel, **common), expected)
    matched = reproject_and_coadd(images, match_background=True, **common)
    assert same_bytes(reproject_and_coadd(images, match_background=True, intermediate_memmap=True, parallel=2, **common), matched)
    planes = reproject_and_coadd(images, match_background="plane", background_reference=2, **common)
    assert not same_bytes(planes, matched)
    assert same_bytes(reproject_and_coadd(images, memory_limit=64 << 20, **common), expected)


def test_progress(images, common):
    seen = []

    def bar(iterable):
        for item in iterable:
            seen.append(item)
            yield item
        seen.append("end")

    reproject_and_coadd(images, progress_bar=bar, **common)
    assert seen == [0, 1, 2, 3, "end"]
    text = io.StringIO()
    reproject_and_coadd(images, progress_bar=lambda items: tqdm(items, file=text), match_background=True, **common)
    assert "4/4" in text.getvalue()


def large(kernel="adaptive"):
    """Some seconds of work."""
    shape = (2000, 2000)
    target, pixels = tan(shape=shape, scale=1e-4), smooth(shape).astype("f4")
    images = [(pixels, tan(shape=shape, scale=1e-4, angle=10 * number)) for number in range(4)]
    return images, {"output_projection": target, "reproject_function": kernel}


def test_failing_progress_stops():
    images, arguments = large()

    class Stop(Exception):
        pass

    def bar(items):
        for item in items:
            if item == 1:
                raise Stop
            yield item

    with pytest.raises(Stop):
        reproject_and_coadd(images, progress_bar=bar, **arguments)


def test_keyboard_interrupt():
    """A signal reaches a run on all threads, and the buffers can be used again."""
    program = """
        import signal, sys, time
        # A shell that starts the tests in the background has them ignore it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.path.insert(0, sys.argv[1])
        from test_outputs import large
        from skymosaic import reproject_and_coadd
        images, arguments = large()

        def bar(items):
            print("ready", flush=True)
            yield from items

        try:
            reproject_and_coadd(images * 50, parallel=2, progress_bar=bar, **arguments)
        except KeyboardInterrupt:
            print("interrupted", time.time(), flush=True)
            array, _ = reproject_and_coadd(images[:1], arguments["output_projection"], reproject_function="nearest")
            print("again", (array != 0).mean() > 0.9, flush=True)
    """
    command = [sys.executable, "-c", textwrap.dedent(program), os.path.dirname(__file__)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        # Once the engine has begun, and long before it ends on any machine.
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        sent = time.time()
        said, _, when = process.stdout.readline().partition(" ")
        assert said == "interrupted"
        print(f"{float(when) - sent:.2f} s from signal to exception")
        assert float(when) - sent < 2
        assert process.stdout.readline() == "again True\n"
    assert process.returncode == 0


def test_other_threads_run():
    """The GIL is free while the engine works."""
    images, arguments = large("lanczos5")
    ticks = []
    worker = threading.Thread(target=reproject_and_coadd, args=(images,), kwargs=arguments)
    worker.start()
    while worker.is_alive():
        ticks.append(time.perf_counter())
        time.sleep(0.005)
    worker.join()
    print(f"{len(ticks)} ticks in {ticks[-1] - ticks[0]:.2f} s")
    # Under a lock there would be one.
    assert len(ticks) > 20


def test_kernels_of_our_own(images, target):
    """They are there, and near to each other on a smooth image."""
    common = {"shape_out": target.array_shape, "combine_function": "first"}
    whole = [(np.nan_to_num(array), wcs) for array, wcs in images[:1]]
    expected, footprint = reproject_and_coadd(whole, target, reproject_function="bicubic", **common)
    inside = footprint > 0
    for name in ("cubic", "lanczos2", "lanczos3", "lanczos4", "lanczos5"):
        found, _ = reproject_and_coadd(whole, target, reproject_function=name, **common)
        assert worst(found[inside], expected[inside]) < 0.05
    for kernel in ("square", "point", "turbo", "gaussian"):
        found, weight = reproject_and_coadd(whole, target, reproject_function="drizzle", kernel=kernel, pixfrac=0.7, **common)
        assert np.count_nonzero(weight) > 1000
    spoilt = reproject_and_coadd(images, target, reproject_function="bilinear", **common)[1]
    kept = reproject_and_coadd(images, target, reproject_function="bilinear", min_weight=0.3, **common)[1]
    assert kept.sum() > spoilt.sum()
