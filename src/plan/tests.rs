//! Planning against brute force: every output pixel that falls into an input lies in a touched tile and in a rectangle.

use super::bounds::{Cap, Extent};
use super::overlap::{TileTree, rectangles};
use super::window::{Tiles, Window};
use crate::map::PixelMap;
use std::f64::consts::PI;
use std::time::Instant;

#[path = "../../tests/random/mod.rs"]
mod random;
use random::Random;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Tan,
    Sin,
    Zea,
    Car,
    Ait,
}

/// A projection with its native frame turned into the sky; the textbook's formulas, for checking only.
#[derive(Clone, Copy, Debug)]
struct Image {
    kind: Kind,
    turn: [[f64; 3]; 3],
    centre: [f64; 2],
    /// Radians a pixel.
    scale: f64,
    shape: [usize; 2],
}

impl Image {
    fn random(random: &mut Random, kind: Kind, scale: f64, shape: [usize; 2]) -> Image {
        let [a, b, c] =
            [random.between(0.0, 2.0 * PI), random.between(-1.0, 1.0).acos(), random.between(0.0, 2.0 * PI)];
        let (sa, ca, sb, cb, sc, cc) = (a.sin(), a.cos(), b.sin(), b.cos(), c.sin(), c.cos());
        let turn = [
            [ca * cb * cc - sa * sc, -ca * cb * sc - sa * cc, ca * sb],
            [sa * cb * cc + ca * sc, -sa * cb * sc + ca * cc, sa * sb],
            [-sb * cc, sb * sc, cb],
        ];
        Image { kind, turn, centre: [shape[1] as f64 / 2.0 - 0.5, shape[0] as f64 / 2.0 - 0.5], scale, shape }
    }

    /// The whole sky, the projection's own width filled.
    fn all_sky(random: &mut Random, kind: Kind, height: usize, aligned: bool) -> Image {
        let (width, scale) = match kind {
            Kind::Ait => (2 * height, 2.0 * 2.0_f64.sqrt() / height as f64),
            Kind::Car => (2 * height, PI / height as f64),
            Kind::Zea => (height, 4.0 / height as f64),
            Kind::Sin | Kind::Tan => (height, 2.0 / height as f64),
        };
        let mut image = Image::random(random, kind, scale, [height, width]);
        if aligned {
            image.turn = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        }
        image
    }

    fn vector(&self, x: f64, y: f64) -> Option<[f64; 3]> {
        let (u, v) = ((x - self.centre[0]) * self.scale, (y - self.centre[1]) * self.scale);
        let r = u.hypot(v);
        let zenithal = |angle: f64| {
            let k = if r > 0.0 { angle.sin() / r } else { 1.0 };
            [u * k, v * k, angle.cos()]
        };
        let native = match self.kind {
            Kind::Tan => zenithal(r.atan()),
            Kind::Sin => (r <= 1.0).then(|| zenithal(r.asin()))?,
            Kind::Zea => (r <= 2.0).then(|| zenithal(2.0 * (r / 2.0).asin()))?,
            Kind::Car => (v.abs() <= PI / 2.0).then(|| [v.cos() * u.cos(), v.cos() * u.sin(), v.sin()])?,
            Kind::Ait => {
                let z2 = 1.0 - u * u / 16.0 - v * v / 4.0;
                (z2 >= 0.5).then(|| {
                    let z = z2.sqrt();
                    let (lon, s) = (2.0 * (z * u / 2.0).atan2(2.0 * z2 - 1.0), (v * z).clamp(-1.0, 1.0));
                    let c = (1.0 - s * s).sqrt();
                    [c * lon.cos(), c * lon.sin(), s]
                })?
            }
        };
        Some(std::array::from_fn(|i| (0..3).map(|k| self.turn[i][k] * native[k]).sum()))
    }

    fn native(&self, w: [f64; 3]) -> [f64; 3] {
        std::array::from_fn(|i| (0..3).map(|k| self.turn[k][i] * w[k]).sum())
    }

    fn pixel(&self, w: [f64; 3]) -> Option<[f64; 2]> {
        let n = self.native(w);
        let s = n[0].hypot(n[1]);
        let angle = s.atan2(n[2]);
        let zenithal = |r: f64| if s > 0.0 { [n[0] / s * r, n[1] / s * r] } else { [0.0, 0.0] };
        let [u, v] = match self.kind {
            Kind::Tan => (n[2] > 0.0).then(|| zenithal(angle.tan()))?,
            Kind::Sin => (n[2] >= 0.0).then(|| zenithal(angle.sin()))?,
            Kind::Zea => zenithal(2.0 * (angle / 2.0).sin()),
            Kind::Car => [n[1].atan2(n[0]), n[2].atan2(s)],
            Kind::Ait => {
                let (lon, c) = (n[1].atan2(n[0]), s);
                let gamma = (2.0 / (1.0 + c * (lon / 2.0).cos())).sqrt();
                [2.0 * gamma * c * (lon / 2.0).sin(), gamma * n[2]]
            }
        };
        Some([u / self.scale + self.centre[0], v / self.scale + self.centre[1]])
    }

    /// Whether the map to pixels breaks within the cap.
    fn breaks_in(&self, cap: &Cap) -> bool {
        let n = self.native(cap.centre);
        let radius = cap.cos_radius.clamp(-1.0, 1.0).acos();
        match self.kind {
            Kind::Tan | Kind::Sin => n[2].clamp(-1.0, 1.0).acos() + radius > 0.49 * PI,
            Kind::Zea => n[2].clamp(-1.0, 1.0).acos() + radius > 0.99 * PI,
            Kind::Car | Kind::Ait => {
                let to_pole = n[2].abs().clamp(0.0, 1.0).acos();
                let to_seam = if n[0] < 0.0 { n[1].abs().clamp(0.0, 1.0).asin() } else { to_pole };
                to_pole.min(to_seam) <= radius
            }
        }
    }
}

struct Pair {
    target: Image,
    input: Image,
}

impl Pair {
    fn at(&self, x: f64, y: f64) -> Option<[f64; 2]> {
        self.input.pixel(self.target.vector(x, y)?)
    }
}

impl PixelMap for Pair {
    fn to_input(&self, x: &mut [f64], y: &mut [f64]) {
        for (x, y) in x.iter_mut().zip(y) {
            [*x, *y] = self.at(*x, *y).unwrap_or([f64::NAN; 2]);
        }
    }

    fn is_smooth(&self, x: [f64; 2], y: [f64; 2]) -> bool {
        let at = |r: [f64; 2], k: usize| r[0] + (r[1] - r[0]) * k as f64 / 8.0;
        let points: Option<Vec<_>> = (0..81).map(|k| self.target.vector(at(x, k % 9), at(y, k / 9))).collect();
        let Some(points) = points else { return false };
        let step = |a: [f64; 3], b: [f64; 3]| (0..3).map(|k| (a[k] - b[k]).powi(2)).sum::<f64>().sqrt();
        let longest = points.windows(2).map(|p| step(p[0], p[1])).fold(0.0, f64::max);
        let cap = Cap::around(points.iter().copied(), longest).unwrap_or(Cap::WHOLE);
        !self.input.breaks_in(&cap)
    }
}

#[derive(Default)]
struct Tally {
    pairs: usize,
    filled: usize,
    touched: usize,
    needed: usize,
    rectangles: usize,
    area: usize,
    tight: usize,
}

fn check(pair: &Pair, side: usize, tally: &mut Tally) {
    let [ny, nx] = pair.target.shape;
    let tiles = Tiles::new(Window { x0: 0, y0: 0, nx, ny }, side);
    let tree = TileTree::new(&|x, y| pair.target.vector(x, y), tiles);
    let touched = Extent::of_image(&|x, y| pair.input.vector(x, y), pair.input.shape, 0.0)
        .map(|extent| tree.touched(&extent))
        .unwrap_or_default();
    let found = rectangles(pair, &tiles, &touched, pair.input.shape, 0.0);
    let mut needed = vec![false; tiles.count()];
    let mut tight: Vec<Option<Window>> = vec![None; found.len()];
    let mut filled = 0;
    for y in 0..ny {
        for x in 0..nx {
            let Some([u, v]) = pair.at(x as f64, y as f64) else { continue };
            let [my, mx] = pair.input.shape.map(|n| n as f64 - 0.5);
            if !(-0.5..=mx).contains(&u) || !(-0.5..=my).contains(&v) {
                continue;
            }
            filled += 1;
            let tile = y / side * tiles.columns() + x / side;
            needed[tile] = true;
            let place = format!("({x}, {y}) falls to ({u}, {v}) of {:?} from {:?}", pair.input, pair.target);
            assert!(touched.binary_search(&(tile as u32)).is_ok(), "{place}: tile {tile} is not touched");
            let holds = |w: &Window| (w.x0..w.x0 + w.nx).contains(&x) && (w.y0..w.y0 + w.ny).contains(&y);
            let holder = found.iter().position(holds);
            assert!(holder.is_some(), "{place}: in none of {found:?}");
            let pixel = Window { x0: x, y0: y, nx: 1, ny: 1 };
            tight[holder.unwrap()] = Some(tight[holder.unwrap()].map_or(pixel, |w| w.hull(&pixel)));
        }
    }
    tally.pairs += 1;
    tally.filled += filled;
    tally.touched += touched.len();
    tally.needed += needed.iter().filter(|n| **n).count();
    tally.rectangles += found.len();
    tally.area += found.iter().map(|w| w.nx * w.ny).sum::<usize>();
    tally.tight += tight.iter().flatten().map(|w| w.nx * w.ny).sum::<usize>();
}

fn report(name: &str, tally: &Tally) {
    println!(
        "{name:34} {:4} pairs, {:9} pixels filled, none lost; tiles touched {} for {} needed; {} rectangles, {:.1} % larger than tight",
        tally.pairs,
        tally.filled,
        tally.touched,
        tally.needed,
        tally.rectangles,
        100.0 * (tally.area as f64 / tally.tight.max(1) as f64 - 1.0)
    );
}

const KINDS: [Kind; 5] = [Kind::Tan, Kind::Sin, Kind::Zea, Kind::Car, Kind::Ait];

#[test]
fn small_inputs_on_all_sky_targets() {
    for kind in KINDS {
        for aligned in [false, true] {
            let mut random = Random(7 + kind as u64);
            let mut tally = Tally::default();
            for _ in 0..25 {
                let target = Image::all_sky(&mut random, kind, 400, aligned);
                let shape = [20 + random.below(300), 20 + random.below(300)];
                let scale = target.scale * random.between(0.1, 1.0);
                let input_kind = KINDS[random.below(5)];
                let input = Image::random(&mut random, input_kind, scale, shape);
                check(&Pair { target, input }, 32, &mut tally);
            }
            report(&format!("on all-sky {kind:?}{}", if aligned { "" } else { ", turned" }), &tally);
        }
    }
}

#[test]
fn all_sky_inputs() {
    for kind in KINDS {
        let mut random = Random(77 + kind as u64);
        let mut tally = Tally::default();
        for k in 0..15 {
            let input = Image::all_sky(&mut random, kind, 500, k % 2 == 0);
            let target = match k % 3 {
                0 => {
                    let kind = KINDS[random.below(5)];
                    Image::all_sky(&mut random, kind, 300, k % 5 == 0)
                }
                _ => {
                    let kind = KINDS[random.below(5)];
                    let scale = random.between(0.001, 0.01);
                    Image::random(&mut random, kind, scale, [200, 300])
                }
            };
            check(&Pair { target, input }, 32, &mut tally);
        }
        report(&format!("all-sky {kind:?}"), &tally);
    }
}

/// The poles and the seam of an aligned plate carrée and Aitoff, inputs around them.
#[test]
fn poles_and_seams() {
    for kind in [Kind::Car, Kind::Ait] {
        let mut random = Random(5);
        let mut tally = Tally::default();
        for k in 0..40 {
            let target = Image::all_sky(&mut random, kind, 500, true);
            let mut input = Image::random(&mut random, Kind::Tan, target.scale * 0.5, [150, 200]);
            // Direction of the input's centre: near a pole, or on the meridian opposite to the target's.
            let towards: [f64; 3] = match k % 4 {
                0 => [random.between(-0.1, 0.1), random.between(-0.1, 0.1), 1.0],
                1 => [random.between(-0.1, 0.1), random.between(-0.1, 0.1), -1.0],
                _ => [-1.0, random.between(-0.2, 0.2), random.between(-2.0, 2.0)],
            };
            let norm = towards.iter().map(|v| v * v).sum::<f64>().sqrt();
            let z = towards.map(|v| v / norm);
            let level = z[0].hypot(z[1]);
            let e = [-z[1] / level, z[0] / level, 0.0];
            let n = [z[1] * e[2] - z[2] * e[1], z[2] * e[0] - z[0] * e[2], z[0] * e[1] - z[1] * e[0]];
            input.turn = std::array::from_fn(|i| [e[i], n[i], z[i]]);
            check(&Pair { target, input }, 50, &mut tally);
        }
        report(&format!("poles and seam of {kind:?}"), &tally);
    }
}

#[test]
fn inputs_of_ordinary_size() {
    let mut random = Random(11);
    let mut tally = Tally::default();
    for _ in 0..60 {
        let target = Image::random(&mut random, Kind::Tan, 1e-5, [1024, 1024]);
        let mut input = Image::random(&mut random, Kind::Tan, 0.8e-5, [400, 300]);
        input.turn = target.turn;
        let angle = random.between(0.0, 6.3);
        for row in &mut input.turn {
            let [e, n, z] = *row;
            *row = [e * angle.cos() + n * angle.sin(), n * angle.cos() - e * angle.sin(), z];
        }
        input.centre = [random.between(-500.0, 800.0), random.between(-500.0, 800.0)];
        check(&Pair { target, input }, 64, &mut tally);
    }
    report("TAN on TAN", &tally);
}

/// Seconds for 100,000 inputs on 64 × 64 tiles.
#[test]
fn a_hundred_thousand_inputs() {
    let mut random = Random(3);
    let target = Image::all_sky(&mut random, Kind::Ait, 8192, true);
    let [ny, nx] = target.shape;
    let start = Instant::now();
    let tiles = Tiles::new(Window { x0: 0, y0: 0, nx, ny }, 256);
    let tree = TileTree::new(&|x, y| target.vector(x, y), tiles);
    println!("{} tiles of an all-sky Aitoff: {:.3} s", tiles.count(), start.elapsed().as_secs_f64());
    let images: Vec<Image> = (0..100_000).map(|_| Image::random(&mut random, Kind::Tan, 2e-5, [2000, 2000])).collect();
    let start = Instant::now();
    let mut touched = 0;
    for image in &images {
        if let Some(extent) = Extent::of_image(&|x, y| image.vector(x, y), image.shape, 0.0) {
            touched += tree.touched(&extent).len();
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("100,000 inputs: {seconds:.3} s, {:.1} µs and {:.2} tiles each", seconds * 10.0, touched as f64 / 1e5);
    let start = Instant::now();
    let mut count = 0;
    for image in &images[..200] {
        if let Some(extent) = Extent::of_image(&|x, y| image.vector(x, y), image.shape, 0.0) {
            let pair = Pair { target, input: *image };
            count += rectangles(&pair, &tiles, &tree.touched(&extent), image.shape, 1.0).len();
        }
    }
    println!("rectangles: {:.1} µs an input, {count} for 200", start.elapsed().as_secs_f64() * 5000.0);
}

/// Real headers of every projection, all-sky and small, on one another.
mod headers {
    use super::super::overlap::{TileTree, extent_of_wcs, rectangles};
    use super::super::window::{Tiles, Window};
    use super::random::Random;
    use crate::map::{PixelMap, WcsMap};
    use crate::{Header, Wcs};
    use std::time::Instant;

    const PROJECTIONS: [(&str, &[(&str, f64)]); 28] = [
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
        ("QSC", &[]),
        ("HPX", &[]),
        ("XPH", &[]),
    ];

    fn wcs(random: &mut Random, kind: usize, scale: f64, [ny, nx]: [usize; 2], galactic: bool) -> Option<Wcs> {
        let (code, parameters) = PROJECTIONS[kind];
        let mut header = Header::new();
        let names = if galactic { ["GLON-", "GLAT-"] } else { ["RA---", "DEC--"] };
        header.set("CTYPE1", format!("{}{code}", names[0]), "");
        header.set("CTYPE2", format!("{}{code}", names[1]), "");
        header.set("CRVAL1", random.between(0.0, 360.0), "");
        header.set("CRVAL2", random.between(-1.0, 1.0).asin().to_degrees(), "");
        header.set("CRPIX1", nx as f64 / 2.0 + 0.5, "");
        header.set("CRPIX2", ny as f64 / 2.0 + 0.5, "");
        header.set("CDELT1", -scale, "");
        header.set("CDELT2", scale, "");
        header.set("CROTA2", random.between(0.0, 360.0), "");
        for (name, value) in parameters {
            header.set(name, *value, "");
        }
        Wcs::from_header(&header).ok()
    }

    #[derive(Default)]
    struct Tally {
        filled: usize,
        touched: usize,
        needed: usize,
        lost: Vec<String>,
    }

    fn check(target: &Wcs, input: &Wcs, shapes: [[usize; 2]; 2], name: &str, tally: &mut Tally) {
        let side = 32;
        let [ny, nx] = shapes[0];
        let tiles = Tiles::new(Window { x0: 0, y0: 0, nx, ny }, side);
        let tree = TileTree::of_wcs(target, tiles);
        let extent = extent_of_wcs(input, shapes[1], 0.0, target.frame()).unwrap();
        let touched = extent.map(|extent| tree.touched(&extent)).unwrap_or_default();
        let map = WcsMap::new(target, input).unwrap();
        let found = rectangles(&map, &tiles, &touched, shapes[1], 0.0);
        let mut needed = vec![false; tiles.count()];
        for y in 0..ny {
            let (mut xs, mut ys): (Vec<f64>, _) = ((0..nx).map(|x| x as f64).collect(), vec![y as f64; nx]);
            map.to_input(&mut xs, &mut ys);
            for x in 0..nx {
                let [my, mx] = shapes[1].map(|n| n as f64 - 0.5);
                if !(-0.5..=mx).contains(&xs[x]) || !(-0.5..=my).contains(&ys[x]) {
                    continue;
                }
                tally.filled += 1;
                let tile = y / side * tiles.columns() + x / side;
                needed[tile] = true;
                let held = found.iter().any(|w| (w.x0..w.x0 + w.nx).contains(&x) && (w.y0..w.y0 + w.ny).contains(&y));
                let in_tile = touched.binary_search(&(tile as u32)).is_ok();
                if !(in_tile && held) {
                    tally.lost.push(format!(
                        "{name}: ({x}, {y}) to ({}, {}), tile {in_tile}, rectangle {held}",
                        xs[x], ys[x]
                    ));
                }
            }
        }
        tally.touched += touched.len();
        tally.needed += needed.iter().filter(|n| **n).count();
    }

    fn run(title: &str, seed: u64, sizes: impl Fn(&mut Random) -> [(f64, [usize; 2]); 2]) {
        let mut random = Random(seed);
        let mut tally = Tally::default();
        for k in 0..2 * PROJECTIONS.len() {
            let kinds = [k % PROJECTIONS.len(), random.below(PROJECTIONS.len())];
            let [(target_scale, target_shape), (input_scale, input_shape)] = sizes(&mut random);
            let target = wcs(&mut random, kinds[0], target_scale, target_shape, false);
            let input = wcs(&mut random, kinds[1], input_scale, input_shape, k % 3 == 0);
            let (Some(target), Some(input)) = (target, input) else { continue };
            let name = format!("{} on {}", PROJECTIONS[kinds[1]].0, PROJECTIONS[kinds[0]].0);
            check(&target, &input, [target_shape, input_shape], &name, &mut tally);
        }
        println!(
            "{title:32} {} pixels filled, {} lost; tiles touched {} for {} needed",
            tally.filled,
            tally.lost.len(),
            tally.touched,
            tally.needed
        );
        for lost in tally.lost.iter().step_by(tally.lost.len() / 20 + 1) {
            println!("{lost}");
        }
        assert!(tally.lost.is_empty());
    }

    #[test]
    fn small_on_all_sky() {
        run("small on all-sky", 21, |random| {
            [(0.6, [300, 600]), (random.between(0.02, 0.2), [30 + random.below(200), 30 + random.below(200)])]
        });
    }

    #[test]
    fn all_sky_on_all_sky() {
        run("all-sky on all-sky", 22, |_| [(0.6, [300, 600]), (0.5, [360, 720])]);
    }

    #[test]
    fn all_sky_on_small() {
        run("all-sky on small", 23, |random| [(random.between(0.01, 0.2), [300, 300]), (0.5, [360, 720])]);
    }

    #[test]
    fn cost() {
        let mut random = Random(3);
        let (nx, ny) = (16384, 8192);
        let target = wcs(&mut random, 17, 0.02, [ny, nx], false).unwrap();
        let start = Instant::now();
        let tree = TileTree::of_wcs(&target, Tiles::new(Window { x0: 0, y0: 0, nx, ny }, 256));
        println!("{nx} x {ny} AIT: {:.3} s", start.elapsed().as_secs_f64());
        for kind in [2, 12] {
            let images: Vec<Wcs> =
                (0..20_000).map(|_| wcs(&mut random, kind, 0.001, [2000, 2000], true).unwrap()).collect();
            let start = Instant::now();
            let mut touched = 0;
            for image in &images {
                if let Some(extent) = extent_of_wcs(image, [2000, 2000], 0.0, target.frame()).unwrap() {
                    touched += tree.touched(&extent).len();
                }
            }
            let each = start.elapsed().as_secs_f64() / images.len() as f64;
            let tiles = touched as f64 / images.len() as f64;
            println!("{}: {:.1} µs and {tiles:.2} tiles an input", PROJECTIONS[kind].0, each * 1e6);
        }
    }
}
