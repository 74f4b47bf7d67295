//! The certified map against the exact one, position by position, over maps with and without seams, poles and holes.

mod random;

use random::Random;
use skymosaic::{CoordGrid, CoordinateError, GridReport, PixelMap, Window};

type Vector = [f64; 3];
type Rotation = [Vector; 3];

/// A map given by a function of one point and, where it knows better, of what is smooth.
struct Analytic<F, S> {
    point: F,
    smooth: S,
}

impl<F, S> PixelMap for Analytic<F, S>
where
    F: Fn(f64, f64) -> Option<[f64; 2]> + Send + Sync,
    S: Fn([f64; 2], [f64; 2]) -> bool + Send + Sync,
{
    fn to_input(&self, x: &mut [f64], y: &mut [f64]) {
        for (x, y) in x.iter_mut().zip(y) {
            [*x, *y] = (self.point)(*x, *y).unwrap_or([f64::NAN; 2]);
        }
    }

    fn is_smooth(&self, x: [f64; 2], y: [f64; 2]) -> bool {
        (self.smooth)(x, y)
    }
}

fn map<F>(point: F) -> Analytic<F, impl Fn([f64; 2], [f64; 2]) -> bool + Send + Sync>
where
    F: Fn(f64, f64) -> Option<[f64; 2]> + Send + Sync,
{
    Analytic { point, smooth: |_: [f64; 2], _: [f64; 2]| true }
}

fn rotation(a: f64, b: f64, c: f64) -> Rotation {
    let (sa, ca) = a.sin_cos();
    let (sb, cb) = b.sin_cos();
    let (sc, cc) = c.sin_cos();
    let z = |s: f64, c: f64| [[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]];
    product(&product(&z(sa, ca), &[[cb, 0.0, -sb], [0.0, 1.0, 0.0], [sb, 0.0, cb]]), &z(sc, cc))
}

fn product(a: &Rotation, b: &Rotation) -> Rotation {
    std::array::from_fn(|i| std::array::from_fn(|j| (0..3).map(|k| a[i][k] * b[k][j]).sum()))
}

fn apply(m: &Rotation, v: Vector) -> Vector {
    std::array::from_fn(|i| m[i][0] * v[0] + m[i][1] * v[1] + m[i][2] * v[2])
}

/// Gnomonic, both ways, in units of a pixel of `scale` radians around `centre`.
fn from_plane(x: f64, y: f64, centre: [f64; 2], scale: f64) -> Vector {
    let (u, v) = ((x - centre[0]) * scale, (y - centre[1]) * scale);
    let norm = (1.0 + u * u + v * v).sqrt();
    [u / norm, v / norm, 1.0 / norm]
}

fn to_plane(v: Vector, centre: [f64; 2], scale: f64) -> Option<[f64; 2]> {
    (v[2] > 0.0).then(|| [v[0] / v[2] / scale + centre[0], v[1] / v[2] / scale + centre[1]])
}

const ARCSEC: f64 = std::f64::consts::PI / 648_000.0;

fn gnomonic_pair(scale: f64, turn: Rotation) -> impl Fn(f64, f64) -> Option<[f64; 2]> {
    move |x, y| to_plane(apply(&turn, from_plane(x, y, [2000.0, 1500.0], scale)), [1000.0, 1000.0], 0.93 * scale)
}

struct Outcome {
    worst: f64,
    report: GridReport,
}

/// Random windows, random positions, half of them at multiples of a half pixel, the runs as kernels ask for them.
fn check(name: &str, map: &dyn PixelMap, extent: [usize; 2], shape: [usize; 2], positions: usize) -> Outcome {
    let bound = 1e-4;
    let pad = 3.0;
    let mut random = Random(0x5EED_0000 + extent[0] as u64 * 7919 + extent[1] as u64);
    let mut outcome = Outcome { worst: 0.0, report: GridReport::default() };
    let mut done = 0;
    let mut at = [0.0; 4];
    while done < positions {
        let window = Window {
            x0: random.below(extent[1]),
            y0: random.below(extent[0]),
            nx: 1 + random.below(300),
            ny: 1 + random.below(300),
        };
        let margin = random.below(3);
        let grid = CoordGrid::new(map, window, margin, CoordinateError::Pixels(bound), shape, pad);
        outcome.report.merge(&grid.report());
        let m = margin as f64;
        for k in 0..400 {
            let low = [window.x0 as f64 - m - 0.5, window.y0 as f64 - m - 0.5];
            let size = [window.nx as f64 + 2.0 * m, window.ny as f64 + 2.0 * m];
            let mut start = [low[0] + random.next() * size[0] * 0.999, low[1] + random.next() * size[1] * 0.999];
            if k % 2 == 0 {
                start = start.map(|v| (2.0 * v).round() / 2.0);
            }
            let start = [
                (start[0].clamp(low[0], low[0] + size[0] - 0.5) * 1_048_576.0).round() / 1_048_576.0,
                start[1].clamp(low[1], low[1] + size[1] - 0.5),
            ];
            let n = 1 + random.below(((low[0] + size[0] - start[0]) as usize).clamp(1, 60));
            let n = n.min((low[0] + size[0] - start[0]).ceil() as usize).max(1);
            let (mut xs, mut ys) = (vec![0.0; n], vec![0.0; n]);
            grid.row(start[0], start[1], &mut xs, &mut ys);
            let mut ex: Vec<f64> = (0..n).map(|i| start[0] + i as f64).collect();
            let mut ey = vec![start[1]; n];
            map.to_input(&mut ex, &mut ey);
            for i in 0..n {
                done += 1;
                let (gx, gy, x, y) = (xs[i], ys[i], ex[i], ey[i]);
                let inside = x >= -0.5 - pad
                    && x <= shape[1] as f64 - 0.5 + pad
                    && y >= -0.5 - pad
                    && y <= shape[0] as f64 - 0.5 + pad;
                let place = format!("{name}: ({}, {}) in {window:?}", start[0] + i as f64, start[1]);
                if inside {
                    assert!(gx.is_finite() && gy.is_finite(), "{place}: lost ({x}, {y})");
                    let error = (gx - x).hypot(gy - y);
                    if error > outcome.worst {
                        outcome.worst = error;
                        at = [start[0] + i as f64, start[1], x, y];
                    }
                    assert!(error <= bound, "{place}: ({gx}, {gy}) instead of ({x}, {y})");
                    let clipped = [
                        gx.clamp(-0.5 - pad, shape[1] as f64 - 0.5 + pad),
                        gy.clamp(-0.5 - pad, shape[0] as f64 - 0.5 + pad),
                    ];
                    let bounds = grid.bounds().unwrap_or_else(|| panic!("{place}: ({x}, {y}) but no bounds"));
                    let held = bounds[0] <= clipped[0]
                        && clipped[0] <= bounds[1]
                        && bounds[2] <= clipped[1]
                        && clipped[1] <= bounds[3];
                    assert!(held, "{place}: ({gx}, {gy}) outside of {bounds:?}");
                } else if gx.is_finite() {
                    // Outside of the padded input it may be NaN or good, nothing else.
                    assert!((gx - x).hypot(gy - y) <= bound, "{place}: ({gx}, {gy}) instead of ({x}, {y})");
                }
            }
        }
    }
    let r = &outcome.report;
    let all = r.exact_pixels + r.approximated_pixels + r.outside_pixels;
    println!(
        "{name:28} worst {:.2e} at {at:.1?}; found at check points {:.2e}; exact {:.3} %, outside {:.1} %, {done} positions",
        outcome.worst,
        r.max_error,
        100.0 * r.exact_pixels as f64 / all as f64,
        100.0 * r.outside_pixels as f64 / all as f64
    );
    outcome
}

fn exact_fraction(outcome: &Outcome) -> f64 {
    let r = &outcome.report;
    r.exact_pixels as f64 / (r.exact_pixels + r.approximated_pixels + r.outside_pixels) as f64
}

const MILLION: usize = 1_000_000;

#[test]
fn affine() {
    let m = map(|x, y| Some([0.7 * x - 0.3 * y + 12.25, 0.31 * x + 0.72 * y - 80.0]));
    let outcome = check("affine", &m, [3000, 3000], [2500, 2500], MILLION);
    assert_eq!(outcome.report.exact_pixels, 0);
    assert!(outcome.worst < 1e-9);
}

#[test]
fn gnomonic() {
    for (name, scale, turn) in [
        ("gnomonic, 0.2 arcsec", 0.2 * ARCSEC, rotation(0.3, 3e-4, 1.0)),
        ("gnomonic, 1 arcsec", ARCSEC, rotation(0.3, 0.004, 1.0)),
        ("gnomonic, 36 arcsec", 36.0 * ARCSEC, rotation(-2.0, 0.1, 1.9)),
    ] {
        let outcome = check(name, &map(gnomonic_pair(scale, turn)), [3000, 4000], [2000, 2000], MILLION / 2);
        assert!(exact_fraction(&outcome) < 0.02);
    }
    // The horizon of the input lies in the output.
    check(
        "gnomonic, 69 degrees apart",
        &map(gnomonic_pair(180.0 * ARCSEC, rotation(-2.0, 1.2, 1.9))),
        [3000, 4000],
        [2000, 2000],
        MILLION,
    );
}

/// A polynomial distortion of up to some tens of pixels at the corners of a 2000 × 2000 image.
fn sip(p: [f64; 2]) -> [f64; 2] {
    let (u, v) = ((p[0] - 1000.0) / 1000.0, (p[1] - 1000.0) / 1000.0);
    let f = 9.0 * u * u - 4.0 * u * v + 2.5 * v * v + 12.0 * u * u * u - 7.0 * u * v * v + 1.5 * u * v * v * v;
    let g = -5.0 * u * u + 3.0 * u * v + 6.0 * v * v - 10.0 * v * v * v + 4.0 * u * u * v + 0.8 * u * u * u * u;
    [p[0] + f, p[1] + g]
}

#[test]
fn distorted() {
    let tan = gnomonic_pair(ARCSEC, rotation(0.3, 0.002, 1.0));
    let outcome = check("gnomonic with SIP", &map(move |x, y| tan(x, y).map(sip)), [3000, 4000], [2000, 2000], MILLION);
    assert!(exact_fraction(&outcome) < 0.02);
    let barrel = |x: f64, y: f64| {
        let (u, v) = ((x - 1500.0) / 1500.0, (y - 1500.0) / 1500.0);
        let r2 = u * u + v * v;
        let stretch = 1.0 / (1.0 + 0.4 * r2 + 0.1 * r2 * r2);
        Some([1000.0 + 1400.0 * u * stretch, 1000.0 + 1400.0 * v * stretch])
    };
    let outcome = check("radial distortion", &map(barrel), [3000, 3000], [2000, 2000], MILLION);
    assert!(exact_fraction(&outcome) < 0.02);
}

/// Hammer-Aitoff of the whole sky on 2000 × 1000 pixels onto plate carrée: an undefined corner, a seam, poles.
fn aitoff_to_plate_carree(turn: Rotation) -> impl Fn(f64, f64) -> Option<[f64; 2]> {
    move |x, y| {
        let scale = 8.0_f64.sqrt() / 1000.0;
        let (u, v) = ((x - 999.5) * scale, (y - 499.5) * scale);
        let z2 = 1.0 - u * u / 16.0 - v * v / 4.0;
        if z2 < 0.5 {
            return None;
        }
        let z = z2.sqrt();
        let lon = 2.0 * (z * u / 2.0).atan2(2.0 * z2 - 1.0);
        let lat = (v * z).clamp(-1.0, 1.0).asin();
        let w = apply(&turn, [lat.cos() * lon.cos(), lat.cos() * lon.sin(), lat.sin()]);
        let (lon, lat) = (w[1].atan2(w[0]).to_degrees(), w[2].atan2(w[0].hypot(w[1])).to_degrees());
        Some([(180.0 - lon) * 5.0 - 0.5, (lat + 90.0) * 5.0 - 0.5])
    }
}

#[test]
fn all_sky() {
    check(
        "all sky, seam on seam",
        &map(aitoff_to_plate_carree(rotation(0.0, 0.0, 0.0))),
        [1000, 2000],
        [900, 1800],
        MILLION,
    );
    check("all sky, turned", &map(aitoff_to_plate_carree(rotation(0.4, 1.0, 2.0))), [1000, 2000], [900, 1800], MILLION);
}

#[test]
fn hole() {
    let radius = 41.3;
    let distance = |x: [f64; 2], y: [f64; 2]| {
        let near = [700.0_f64.clamp(x[0], x[1]) - 700.0, 433.0_f64.clamp(y[0], y[1]) - 433.0];
        near[0].hypot(near[1])
    };
    let tan = gnomonic_pair(ARCSEC, rotation(0.0, 0.0, 0.0));
    let m = Analytic {
        point: move |x, y| if distance([x, x], [y, y]) < radius { None } else { tan(x, y) },
        smooth: move |x, y| distance(x, y) >= radius,
    };
    check("a hole", &m, [1000, 1500], [2000, 2000], MILLION);
}

/// The same position through different windows, as centre and as part of other runs, has the same bits.
#[test]
fn bits_do_not_depend_on_the_window() {
    let maps: [Box<dyn PixelMap>; 3] = [
        Box::new(map(gnomonic_pair(36.0 * ARCSEC, rotation(-2.0, 0.1, 1.9)))),
        Box::new(map(aitoff_to_plate_carree(rotation(0.4, 1.0, 2.0)))),
        Box::new(map(|x: f64, y: f64| Some(sip([x * 0.8, y * 0.8])))),
    ];
    let mut random = Random(99);
    for m in &maps {
        let bound = CoordinateError::Pixels(1e-4);
        let whole = Window { x0: 0, y0: 0, nx: 2000, ny: 1000 };
        let reference = CoordGrid::new(m.as_ref(), whole, 2, bound, [1800, 1800], 2.0);
        for _ in 0..200 {
            let window = Window {
                x0: random.below(1700),
                y0: random.below(800),
                nx: 1 + random.below(300),
                ny: 1 + random.below(200),
            };
            let grid = CoordGrid::new(m.as_ref(), window, 2, bound, [1800, 1800], 2.0);
            for _ in 0..50 {
                let half = 0.5 * random.below(2) as f64;
                let x0 = window.x0 as f64 - 2.0 + random.below(window.nx) as f64 + half;
                let y = window.y0 as f64 - 2.0 + random.below(window.ny + 4) as f64 - 0.5 * random.below(2) as f64;
                let n = 1 + random.below(window.nx.min(40));
                let (mut xs, mut ys, mut rx, mut ry) = (vec![0.0; n], vec![0.0; n], vec![0.0; n + 7], vec![0.0; n + 7]);
                grid.row(x0, y, &mut xs, &mut ys);
                reference.row(x0 - 7.0, y, &mut rx, &mut ry);
                for i in 0..n {
                    let x = x0 + i as f64;
                    if x < window.x0 as f64 + window.nx as f64 + 1.5 {
                        assert_eq!(xs[i].to_bits(), rx[i + 7].to_bits(), "({x}, {y}) in {window:?}");
                        assert_eq!(ys[i].to_bits(), ry[i + 7].to_bits(), "({x}, {y}) in {window:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn exact_is_the_map() {
    let m = map(aitoff_to_plate_carree(rotation(0.4, 1.0, 2.0)));
    let window = Window { x0: 100, y0: 100, nx: 400, ny: 300 };
    let grid = CoordGrid::new(&m, window, 1, CoordinateError::Exact, [900, 1800], 2.0);
    assert_eq!(grid.report().exact_pixels, 400 * 300);
    assert_eq!(grid.report().max_error, 0.0);
    for row in 0..300 {
        let y = 100.0 + row as f64 * 0.75;
        let (mut xs, mut ys) = (vec![0.0; 400], vec![0.0; 400]);
        grid.row(100.5, y, &mut xs, &mut ys);
        let mut ex: Vec<f64> = (0..400).map(|i| 100.5 + i as f64).collect();
        let mut ey = vec![y; 400];
        m.to_input(&mut ex, &mut ey);
        let bits = |v: &[f64]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!((bits(&xs), bits(&ys)), (bits(&ex), bits(&ey)));
    }
}

/// Bounds that make no sense, empty windows, positions far away and not finite: an answer, never a panic.
#[test]
fn nonsense_is_survived() {
    let m = map(gnomonic_pair(ARCSEC, rotation(0.3, 0.004, 1.0)));
    let window = Window { x0: 10, y0: 10, nx: 40, ny: 40 };
    for bound in [f64::NAN, -1.0, 0.0, f64::INFINITY] {
        let grid = CoordGrid::new(&m, window, 1, CoordinateError::Pixels(bound), [900, 1800], 2.0);
        for (x, y) in [(20.0, 20.0), (-1e300, 5.0), (f64::NAN, f64::NAN), (f64::INFINITY, 20.0), (45.0, -1e9)] {
            let (mut xs, mut ys) = (vec![0.0; 20], vec![0.0; 20]);
            grid.row(x, y, &mut xs, &mut ys);
        }
    }
    let grid = CoordGrid::new(&m, Window { nx: 0, ..window }, 0, CoordinateError::default(), [900, 1800], 2.0);
    assert_eq!(grid.bounds(), None);
    let grid = CoordGrid::new(&m, window, 0, CoordinateError::default(), [0, 0], 0.0);
    assert_eq!(grid.bounds(), None);
}
