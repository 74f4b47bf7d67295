//! The certified map between random pairs of headers against the exact one: every projection, seams and poles included.

mod random;

use random::Random;
use skymosaic::{CoordGrid, CoordinateError, GridReport, Header, PixelMap, Wcs, WcsMap, Window};

/// Projections with parameters that are usual for them.
const PROJECTIONS: [(&str, &[(&str, f64)]); 30] = [
    ("AZP", &[("PV2_1", 2.0), ("PV2_2", 30.0)]),
    ("SZP", &[("PV2_1", 2.0), ("PV2_2", 180.0), ("PV2_3", 60.0)]),
    ("TAN", &[]),
    ("STG", &[]),
    ("SIN", &[]),
    ("SIN", &[("PV2_1", 0.3), ("PV2_2", -0.2)]),
    ("ARC", &[]),
    ("ZPN", &[("PV2_1", 1.0), ("PV2_3", -0.05)]),
    ("ZEA", &[]),
    ("AIR", &[("PV2_1", 45.0)]),
    ("CYP", &[("PV2_1", 1.0), ("PV2_2", 0.7)]),
    ("CEA", &[("PV2_1", 0.8)]),
    ("CAR", &[]),
    ("MER", &[]),
    ("SFL", &[]),
    ("PAR", &[]),
    ("MOL", &[]),
    ("AIT", &[]),
    ("COP", &[("PV2_1", 45.0), ("PV2_2", 25.0)]),
    ("COE", &[("PV2_1", -45.0), ("PV2_2", 25.0)]),
    ("COD", &[("PV2_1", 45.0), ("PV2_2", 25.0)]),
    ("COO", &[("PV2_1", 45.0), ("PV2_2", 25.0)]),
    ("BON", &[("PV2_1", 45.0)]),
    ("PCO", &[]),
    ("TSC", &[]),
    ("CSC", &[]),
    ("QSC", &[]),
    ("HPX", &[]),
    ("XPH", &[]),
    ("TAN", &[]),
];

/// A header of `shape` (ny, nx) with pixels of `scale` degrees.
fn header(random: &mut Random, kind: usize, crval: [f64; 2], scale: f64, [ny, nx]: [usize; 2]) -> Header {
    let (code, parameters) = PROJECTIONS[kind];
    let mut header = Header::new();
    header.set("CTYPE1", format!("RA---{code}"), "");
    header.set("CTYPE2", format!("DEC--{code}"), "");
    header.set("CRVAL1", crval[0], "");
    header.set("CRVAL2", crval[1], "");
    header.set("CRPIX1", nx as f64 * random.between(0.3, 0.7), "");
    header.set("CRPIX2", ny as f64 * random.between(0.3, 0.7), "");
    let (s, c) = random.between(0.0, 6.3).sin_cos();
    let stretch = random.between(0.9, 1.1);
    for (name, value) in [("CD1_1", -c), ("CD1_2", s * stretch), ("CD2_1", s), ("CD2_2", c * stretch)] {
        header.set(name, value * scale, "");
    }
    for (name, value) in parameters {
        header.set(name, *value, "");
    }
    header.set("RADESYS", "ICRS", "");
    header
}

#[derive(Default)]
struct Outcome {
    worst: f64,
    report: GridReport,
    positions: usize,
    inside: usize,
    above: usize,
    lost: usize,
}

impl Outcome {
    fn exact_fraction(&self) -> f64 {
        let r = &self.report;
        r.exact_pixels as f64 / (r.exact_pixels + r.approximated_pixels + r.outside_pixels) as f64
    }

    fn print(&self, name: &str) {
        println!(
            "{name:40} worst {:.2e}, at check points {:.2e}; exact {:6.3} %; {} positions, {} inside, {} above the bound, {} lost",
            self.worst,
            self.report.max_error,
            100.0 * self.exact_fraction(),
            self.positions,
            self.inside,
            self.above,
            self.lost
        );
    }
}

const BOUND: f64 = 1e-4;
const PAD: f64 = 2.0;

/// Whole rows of a random window, at centres and half pixels.
fn check(map: &WcsMap, name: &str, extent: [usize; 2], shape: [usize; 2], random: &mut Random, outcome: &mut Outcome) {
    let window = Window { x0: random.below(extent[1]), y0: random.below(extent[0]), nx: 256, ny: 256 };
    let grid = CoordGrid::new(map, window, 1, CoordinateError::Pixels(BOUND), shape, PAD);
    outcome.report.merge(&grid.report());
    for k in 0..40 {
        let half = 0.5 * (k % 2) as f64;
        let x0 = window.x0 as f64 - half;
        let y = window.y0 as f64 + random.below(256) as f64 - 0.5 * random.below(2) as f64;
        let (mut xs, mut ys) = ([0.0; 257], [0.0; 257]);
        grid.row(x0, y, &mut xs, &mut ys);
        let (mut ex, mut ey): ([f64; 257], _) = (std::array::from_fn(|i| x0 + i as f64), [y; 257]);
        map.to_input(&mut ex, &mut ey);
        for i in 0..257 {
            outcome.positions += 1;
            let at = |v: f64, n: usize| v >= -0.5 - PAD && v <= n as f64 - 0.5 + PAD;
            let inside = at(ex[i], shape[1]) && at(ey[i], shape[0]);
            outcome.inside += usize::from(inside);
            let approximate = xs[i].is_finite() && ys[i].is_finite();
            let error = (xs[i] - ex[i]).hypot(ys[i] - ey[i]);
            let place =
                || format!("{name}: ({}, {y}) is ({}, {}) not ({}, {})", x0 + i as f64, xs[i], ys[i], ex[i], ey[i]);
            if inside && !approximate {
                outcome.lost += 1;
                if outcome.lost < 3 {
                    println!("lost: {}", place());
                }
            } else if approximate && !(error <= BOUND) && (inside || (at(xs[i], shape[1]) && at(ys[i], shape[0]))) {
                outcome.above += 1;
                if outcome.above < 3 {
                    println!("above: {}", place());
                }
            } else if inside {
                outcome.worst = outcome.worst.max(error);
            }
        }
    }
}

/// Images of a few degrees at most, anywhere on the sky, of all projections.
#[test]
fn ordinary_pairs() {
    let mut random = Random(0xA11CE);
    let mut outcome = Outcome::default();
    for k in 0..400 {
        let crval = [random.between(0.0, 360.0), random.between(-1.0, 1.0).asin().to_degrees()];
        let scale = 10.0_f64.powf(random.between(-5.0, -3.0));
        let shape = [1500, 2000];
        let target = header(&mut random, k % 30, crval, scale, [2000, 2000]);
        let near = [
            crval[0] + random.between(-500.0, 500.0) * scale / crval[1].to_radians().cos().max(0.01),
            (crval[1] + random.between(-500.0, 500.0) * scale).clamp(-90.0, 90.0),
        ];
        let kind = random.below(30);
        let input_scale = scale * random.between(0.5, 1.5);
        let input = header(&mut random, kind, near, input_scale, shape);
        let name = format!("{} to {}", PROJECTIONS[k % 30].0, PROJECTIONS[kind].0);
        let map = WcsMap::new(&Wcs::from_header(&target).unwrap(), &Wcs::from_header(&input).unwrap()).unwrap();
        check(&map, &name, [1744, 1744], shape, &mut random, &mut outcome);
    }
    outcome.print("ordinary pairs");
    assert_eq!((outcome.above, outcome.lost), (0, 0));
    assert!(outcome.exact_fraction() < 0.02);
    assert!(outcome.positions > 1_000_000);
}

/// The whole sky on a few thousand pixels, everything on everything.
#[test]
fn all_sky_pairs() {
    let mut random = Random(0xB0B);
    let mut total = Outcome::default();
    for input_kind in 0..29 {
        let mut outcome = Outcome::default();
        let mut names = Vec::new();
        for _ in 0..14 {
            let kind = random.below(29);
            let crval = [random.between(0.0, 360.0), random.between(-90.0, 90.0)];
            let target = header(&mut random, kind, crval, 0.1, [1800, 3600]);
            let crval = [random.between(0.0, 360.0), random.between(-90.0, 90.0)];
            let input = header(&mut random, input_kind, crval, 0.1, [1800, 3600]);
            let Ok(target) = Wcs::from_header(&target) else { continue };
            let Ok(input) = Wcs::from_header(&input) else { continue };
            let name = format!("{} to {}", PROJECTIONS[kind].0, PROJECTIONS[input_kind].0);
            let map = WcsMap::new(&target, &input).unwrap();
            let before = outcome.above + outcome.lost;
            for _ in 0..4 {
                check(&map, &name, [1544, 3344], [1800, 3600], &mut random, &mut outcome);
            }
            if outcome.above + outcome.lost > before {
                names.push(name);
            }
        }
        outcome.print(&format!("all-sky to {} {}", PROJECTIONS[input_kind].0, names.join(", ")));
        total.report.merge(&outcome.report);
        total.worst = total.worst.max(outcome.worst);
        total.positions += outcome.positions;
        total.inside += outcome.inside;
        total.above += outcome.above;
        total.lost += outcome.lost;
    }
    total.print("all-sky pairs");
    assert_eq!((total.above, total.lost), (0, 0));
    assert!(total.positions > 1_000_000);
}
