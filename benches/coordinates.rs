//! Cost of coordinates per output pixel: the exact map, the rows of a grid, and the grid with the cost of building it.
//!
//! One element is one output pixel, both coordinates.

use criterion::{Criterion, Throughput};
use skymosaic::{CoordGrid, CoordinateError, Header, Wcs, WcsMap, Window};
use std::hint::black_box;

const SIDE: usize = 256;

/// Projection, reference point, scale in degrees and shape (ny, nx) of an image turned by `angle` degrees.
fn header(code: &str, crval: [f64; 2], scale: f64, angle: f64, shape: [usize; 2], more: &str) -> Wcs {
    let (sin, cos) = angle.to_radians().sin_cos();
    let code = code.to_owned();
    let (stem, suffix) = code.strip_suffix("-SIP").map_or((&code[..], ""), |stem| (stem, "-SIP"));
    let text = format!(
        "CTYPE1  = 'RA---{stem}{suffix}'\nCTYPE2  = 'DEC--{stem}{suffix}'\nCRVAL1  = {}\nCRVAL2  = {}\nCRPIX1  = {}\nCRPIX2  = {}\n\
         CD1_1   = {}\nCD1_2   = {}\nCD2_1   = {}\nCD2_2   = {}\n{more}",
        crval[0],
        crval[1],
        shape[1] as f64 / 2.0 + 0.5,
        shape[0] as f64 / 2.0 + 0.5,
        -scale * cos,
        scale * sin,
        scale * sin,
        scale * cos
    );
    Wcs::from_header(&Header::parse(&text).unwrap()).unwrap()
}

/// A distortion of up to ten pixels at the corners of 2000 × 2000, without its inverse.
const SIP: &str = "A_ORDER = 3\nB_ORDER = 3\nA_2_0   = 4.0E-6\nA_1_1   = -3.0E-6\nA_0_2   = 1.0E-6\nA_3_0   = 3.0E-9\nA_1_2   = 2.0E-9\n\
                   B_2_0   = 1.0E-6\nB_1_1   = 4.0E-6\nB_0_2   = -3.0E-6\nB_2_1   = 2.0E-9\nB_0_3   = 3.0E-9\n";

/// Fills one tile, row by row, as a kernel does.
fn sweep(grid: &CoordGrid<'_>, window: Window, xs: &mut [f64], ys: &mut [f64]) {
    for row in 0..window.ny {
        grid.row(window.x0 as f64, (window.y0 + row) as f64, xs, ys);
        black_box(&mut *xs);
        black_box(&mut *ys);
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let (mut xs, mut ys) = (vec![0.0; SIDE], vec![0.0; SIDE]);
    let near = [150.0, 2.2];
    let arcsec = 1.0 / 3600.0;
    let tan = header("TAN", near, arcsec, 0.0, [4000, 4000], "");
    let pairs = [
        ("TAN to TAN", tan.clone(), header("TAN", [150.1, 2.3], arcsec, 17.0, [2000, 2000], "")),
        ("TAN-SIP to TAN", tan, header("TAN-SIP", [150.1, 2.3], arcsec, 17.0, [2000, 2000], SIP)),
        (
            "AIT to CAR",
            header("CAR", [0.0, 0.0], 0.05, 0.0, [3600, 7200], ""),
            header("AIT", [0.0, 0.0], 0.05, 0.0, [3000, 6000], ""),
        ),
    ];
    let shapes = [[2000, 2000], [2000, 2000], [3000, 6000]];
    for ((name, target, input), shape) in pairs.into_iter().zip(shapes) {
        let window = Window { x0: 2048, y0: 2048, nx: SIDE, ny: SIDE };
        let map = WcsMap::new(&target, &input).unwrap();
        let build = |margin, bound| CoordGrid::new(&map, window, margin, bound, shape, 2.0);
        assert!(build(0, CoordinateError::default()).bounds().is_some(), "{name}: nothing to measure");
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements((SIDE * SIDE) as u64));
        for (what, bound) in [("exact", CoordinateError::Exact), ("grid, rows only", CoordinateError::default())] {
            let grid = build(0, bound);
            group.bench_function(what, |b| b.iter(|| sweep(&grid, window, &mut xs, &mut ys)));
        }
        for (what, margin) in [("grid", 0), ("grid with a margin of 2", 2)] {
            group.bench_function(what, |b| {
                b.iter(|| sweep(&build(margin, CoordinateError::default()), window, &mut xs, &mut ys));
            });
        }
        group.finish();
    }
    criterion.final_summary();
}
