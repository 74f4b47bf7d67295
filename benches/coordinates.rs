//! Cost of coordinates per output pixel: the exact map, the grid with the cost of building it, and one row of it.
//!
//! Throughput is in elements: one element is one output pixel, both coordinates.

use criterion::{Criterion, Throughput};
use skymosaic::{CoordGrid, CoordinateError, PixelMap, Window};
use std::hint::black_box;

const SIDE: usize = 256;
const SCALE: f64 = std::f64::consts::PI / 648_000.0;

/// Two gnomonic images of 1 arcsec pixels, turned and shifted, the input with a cubic distortion in pixels.
struct Gnomonic;

impl PixelMap for Gnomonic {
    fn to_input(&self, x: &mut [f64], y: &mut [f64]) {
        let (s, c) = 0.3_f64.sin_cos();
        let (st, ct) = 0.002_f64.sin_cos();
        for (x, y) in x.iter_mut().zip(y) {
            let (u, v) = ((*x - 2000.0) * SCALE, (*y - 1500.0) * SCALE);
            let (a, b) = (c * u - s * v, s * u + c * v);
            let (a, w) = (ct * a - st, st * a + ct);
            let (p, q) = (a / w / SCALE / 1000.0, b / w / SCALE / 1000.0);
            *x = 1000.0 * p + 1000.0 + 9.0 * p * p - 4.0 * p * q + 12.0 * p * p * p - 7.0 * p * q * q;
            *y = 1000.0 * q + 1000.0 - 5.0 * p * p + 6.0 * q * q - 10.0 * q * q * q + 4.0 * p * p * q;
        }
    }
}

/// Fills one tile, row by row, as a kernel does.
fn sweep(grid: &CoordGrid<'_>, window: Window, xs: &mut [f64], ys: &mut [f64]) {
    for row in 0..window.ny {
        grid.row(window.x0 as f64, (window.y0 + row) as f64, xs, ys);
        black_box(&mut *xs);
        black_box(&mut *ys);
    }
}

fn coordinates(criterion: &mut Criterion) {
    let window = Window { x0: 1536, y0: 1280, nx: SIDE, ny: SIDE };
    let shape = [2000, 2000];
    let (mut xs, mut ys) = (vec![0.0; SIDE], vec![0.0; SIDE]);
    let mut group = criterion.benchmark_group("TAN-SIP to TAN");
    group.throughput(Throughput::Elements((SIDE * SIDE) as u64));
    let build = |margin, bound| CoordGrid::new(&Gnomonic, window, margin, bound, shape, 2.0);
    group.bench_function("exact", |b| {
        let grid = build(0, CoordinateError::Exact);
        b.iter(|| sweep(&grid, window, &mut xs, &mut ys));
    });
    group.bench_function("grid, rows", |b| {
        let grid = build(0, CoordinateError::default());
        b.iter(|| sweep(&grid, window, &mut xs, &mut ys));
    });
    group.bench_function("grid, building", |b| b.iter(|| black_box(build(0, CoordinateError::default()).bounds())));
    group.bench_function("grid, building and rows", |b| {
        b.iter(|| sweep(&build(0, CoordinateError::default()), window, &mut xs, &mut ys));
    });
    group.bench_function("grid with margin, building and rows", |b| {
        b.iter(|| sweep(&build(2, CoordinateError::default()), window, &mut xs, &mut ys));
    });
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    coordinates(&mut criterion);
    criterion.final_summary();
}
