//! The certified map between random pairs of headers against the exact one: every projection, seams and poles included.

mod distorted;
mod random;

use distorted::{DISTORTIONS, distorted};
use random::{Frame, PROJECTIONS, Random, header};
use skymosaic::{CoordGrid, CoordinateError, GridReport, Header, PixelMap, Wcs, WcsMap, Window};

/// A random reference point and angle near a place.
fn wcs(random: &mut Random, kind: usize, crval: [f64; 2], scale: f64, shape: [usize; 2]) -> Wcs {
    let text = header(kind, crval, scale, random.between(0.0, 360.0), shape, Frame::Icrs);
    Wcs::from_header(&Header::parse(&text).unwrap()).unwrap()
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

    fn merge(&mut self, other: &Outcome) {
        self.worst = self.worst.max(other.worst);
        self.report.merge(&other.report);
        self.positions += other.positions;
        self.inside += other.inside;
        self.above += other.above;
        self.lost += other.lost;
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
            } else if approximate
                && (error.is_nan() || error > BOUND)
                && (inside || (at(xs[i], shape[1]) && at(ys[i], shape[0])))
            {
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

/// Images of a few degrees at most, anywhere on the sky, of all projections but the last, CSC: its standard inverse is rough at 1e-5,
/// so that no polynomial meets the bound.
#[test]
fn ordinary_pairs() {
    let mut random = Random(0xA11CE);
    let mut outcome = Outcome::default();
    let kinds = PROJECTIONS.len() - 1;
    for k in 0..400 {
        let crval = random.place();
        let scale = 10.0_f64.powf(random.between(-5.0, -3.0));
        let shape = [1500, 2000];
        let target = wcs(&mut random, k % kinds, crval, scale, [2000, 2000]);
        let near = [
            crval[0] + random.between(-500.0, 500.0) * scale / crval[1].to_radians().cos().max(0.01),
            (crval[1] + random.between(-500.0, 500.0) * scale).clamp(-90.0, 90.0),
        ];
        let kind = random.below(kinds);
        let input_scale = scale * random.between(0.5, 1.5);
        let input = wcs(&mut random, kind, near, input_scale, shape);
        let name = format!("{} to {}", PROJECTIONS[k % kinds].0, PROJECTIONS[kind].0);
        let map = WcsMap::new(&target, &input).unwrap();
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
    for (input_kind, (code, _)) in PROJECTIONS.iter().enumerate() {
        let mut outcome = Outcome::default();
        for _ in 0..14 {
            let kind = random.below(PROJECTIONS.len());
            let place = random.place();
            let target = wcs(&mut random, kind, place, 0.1, [1800, 3600]);
            let place = random.place();
            let input = wcs(&mut random, input_kind, place, 0.1, [1800, 3600]);
            let name = format!("{} to {}", PROJECTIONS[kind].0, code);
            let map = WcsMap::new(&target, &input).unwrap();
            for _ in 0..4 {
                check(&map, &name, [1544, 3344], [1800, 3600], &mut random, &mut outcome);
            }
        }
        outcome.print(&format!("all-sky to {code}"));
        total.merge(&outcome);
    }
    total.print("all-sky pairs");
    assert_eq!((total.above, total.lost), (0, 0));
    assert!(total.positions > 1_000_000);
}

/// Distorted images onto distorted targets, and frames with e-terms.
#[test]
fn distorted_pairs() {
    let mut random = Random(0xD15707);
    // Windows that the input fills, without and with distortion tables, whose corrections have kinks.
    let mut filled = [Outcome::default(), Outcome::default()];
    let mut total = Outcome::default();
    for (kind, name) in DISTORTIONS.iter().enumerate() {
        let mut outcome = Outcome::default();
        for (target_kind, target_name) in DISTORTIONS.iter().enumerate() {
            let (crval, scale) = (random.place(), 10.0_f64.powf(random.between(-5.0, -3.5)));
            let shape = [1500, 2000];
            let target = distorted(&mut random, target_kind, crval, scale, [2000, 2000]);
            let near = [
                crval[0] + random.between(-300.0, 300.0) * scale / crval[1].to_radians().cos().max(0.01),
                (crval[1] + random.between(-300.0, 300.0) * scale).clamp(-90.0, 90.0),
            ];
            let input_scale = scale * random.between(0.5, 1.5);
            let input = distorted(&mut random, kind, near, input_scale, shape);
            let name = format!("{target_name} to {name}");
            let map = WcsMap::new(&target, &input).unwrap();
            for _ in 0..3 {
                let mut window = Outcome::default();
                check(&map, &name, [1744, 1744], shape, &mut random, &mut window);
                if window.inside == window.positions {
                    filled[usize::from(name.contains("CPDIS"))].merge(&window);
                }
                outcome.merge(&window);
            }
        }
        outcome.print(&format!("all to {name}"));
        total.merge(&outcome);
    }
    total.print("distorted pairs");
    filled[0].print("filled windows, no tables");
    filled[1].print("filled windows, tables");
    assert_eq!((total.above, total.lost), (0, 0));
    assert!(total.positions > 1_000_000 && filled.iter().all(|some| some.positions > 100_000));
    assert!(filled[0].exact_fraction() < 0.02);
}
