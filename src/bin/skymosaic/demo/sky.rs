//! The invented sky: stars, galaxies and a nebula on a plane of 1″ pixels. Everything follows from fixed seeds.

use std::f64::consts::{PI, TAU};

use ndarray::Array2;
use skymosaic::{Header, Wcs};

use crate::Failure;

/// Degrees a pixel of the field.
pub(super) const SCALE: f64 = 1.0 / 3600.0;
/// Standard deviation of the noise of an exposure where the sky is dark.
pub(super) const NOISE: f64 = 1.0;
/// Columns and rows of the field.
const FIELD: [f64; 2] = [1180.0, 900.0];
/// Right ascension and declination of its centre.
const CENTRE: [f64; 2] = [84.3, -11.6];
/// Full width at half maximum of a star in pixels.
const SEEING: f64 = 2.7;
/// How fast a star fades outside of its core (Moffat 1969, A&A 3, 455).
const BETA: f64 = 2.6;
/// Centre and extent of the nebula.
const NEBULA: [f64; 3] = [400.0, 500.0, 185.0];

/// SplitMix64 (Steele et al. 2014).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Random {
        Random(mix(seed))
    }

    /// From 0 to 1, 1 excluded.
    pub(super) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        (mix(self.0) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Normal deviate (Box and Muller 1958).
    pub(super) fn gauss(&mut self) -> f64 {
        (-2.0 * (1.0 - self.uniform()).ln()).sqrt() * (TAU * self.uniform()).cos()
    }
}

fn mix(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

struct Star {
    u: f64,
    v: f64,
    peak: f64,
}

struct Galaxy {
    u: f64,
    v: f64,
    peak: f64,
    /// Radius in which the disc fades by e.
    radius: f64,
    /// Minor to major axis.
    flat: f64,
    angle: f64,
    shape: Shape,
}

enum Shape {
    Smooth,
    Spiral,
    EdgeOn,
}

pub(super) struct Sky {
    field: Wcs,
    stars: Vec<Star>,
    galaxies: Vec<Galaxy>,
}

impl Sky {
    pub(super) fn new() -> Result<Sky, Failure> {
        let mut header = Header::new();
        for (axis, kind, sign) in [(0, "RA---TAN", -1.0), (1, "DEC--TAN", 1.0)] {
            header.set(&format!("CTYPE{}", axis + 1), kind, "");
            header.set(&format!("CRVAL{}", axis + 1), CENTRE[axis], "");
            header.set(&format!("CRPIX{}", axis + 1), FIELD[axis] / 2.0, "");
            header.set(&format!("CDELT{}", axis + 1), sign * SCALE, "");
        }
        header.set("RADESYS", "ICRS", "");
        let mut random = Random::new(1);
        let mut stars = Vec::new();
        for _ in 0..1500 {
            let [u, v] = [0, 1].map(|axis| random.uniform() * (FIELD[axis] + 100.0) - 50.0);
            stars.push(Star { u, v, peak: brightness(&mut random, 2.5, 0.75) });
        }
        // The cluster that lights the nebula.
        for _ in 0..110 {
            let [u, v] = [0, 1].map(|axis| NEBULA[axis] + 62.0 * random.gauss());
            stars.push(Star { u, v, peak: brightness(&mut random, 6.0, 0.62) });
        }
        let mut galaxies = vec![
            Galaxy { u: 866.0, v: 566.0, peak: 58.0, radius: 33.0, flat: 0.72, angle: 0.6, shape: Shape::Spiral },
            Galaxy { u: 762.0, v: 226.0, peak: 70.0, radius: 36.0, flat: 0.09, angle: -0.45, shape: Shape::EdgeOn },
            Galaxy { u: 1010.0, v: 312.0, peak: 90.0, radius: 9.0, flat: 0.8, angle: 1.1, shape: Shape::Smooth },
            Galaxy { u: 1036.0, v: 330.0, peak: 40.0, radius: 6.0, flat: 0.55, angle: 2.3, shape: Shape::Smooth },
            Galaxy { u: 150.0, v: 196.0, peak: 26.0, radius: 15.0, flat: 0.5, angle: 2.5, shape: Shape::Spiral },
        ];
        for _ in 0..150 {
            let [u, v] = [0, 1].map(|axis| random.uniform() * FIELD[axis]);
            galaxies.push(Galaxy {
                u,
                v,
                peak: brightness(&mut random, 2.0, 1.3).min(60.0),
                radius: 1.2 + 2.6 * random.uniform().powi(2),
                flat: 0.3 + 0.7 * random.uniform(),
                angle: PI * random.uniform(),
                shape: Shape::Smooth,
            });
        }
        Ok(Sky { field: Wcs::from_header(&header)?, stars, galaxies })
    }

    /// Right ascension and declination of a position in the field.
    pub(super) fn position(&self, u: f64, v: f64) -> (f64, f64) {
        let (mut lon, mut lat) = ([u], [v]);
        self.field.pixel_to_celestial(&mut lon, &mut lat);
        (lon[0], lat[0])
    }

    /// What a detector of `side` × `side` pixels sees, without noise.
    pub(super) fn through(&self, wcs: &Wcs, side: usize) -> Array2<f64> {
        let mut us: Vec<f64> = (0..side * side).map(|pixel| (pixel % side) as f64).collect();
        let mut vs: Vec<f64> = (0..side * side).map(|pixel| (pixel / side) as f64).collect();
        wcs.pixel_to_celestial(&mut us, &mut vs);
        self.field.celestial_to_pixel(&mut us, &mut vs);
        let place = |y: usize, x: usize| (us[y * side + x], vs[y * side + x]);
        let mut image = Array2::from_shape_fn((side, side), |(y, x)| {
            let (u, v) = place(y, x);
            nebula(u, v)
        });
        let mut add = |u: f64, v: f64, reach: f64, light: &dyn Fn(f64, f64) -> f64| {
            let (lon, lat) = self.position(u, v);
            let (mut x, mut y) = ([lon], [lat]);
            wcs.celestial_to_pixel(&mut x, &mut y);
            let range = |at: f64| {
                let bound = |edge: f64| edge.clamp(0.0, side as f64) as usize;
                bound(at - reach)..bound(at + reach + 1.0)
            };
            for y in range(y[0]) {
                for x in range(x[0]) {
                    let (pu, pv) = place(y, x);
                    image[[y, x]] += light(pu - u, pv - v);
                }
            }
        };
        for star in &self.stars {
            add(star.u, star.v, star.reach(), &|du, dv| star.light(du, dv));
        }
        for galaxy in &self.galaxies {
            add(galaxy.u, galaxy.v, 9.0 * galaxy.radius + 10.0, &|du, dv| galaxy.light(du, dv));
        }
        image
    }
}

/// Many are faint and few are bright: the number above a brightness falls as its power `-slope`.
fn brightness(random: &mut Random, faintest: f64, slope: f64) -> f64 {
    (faintest * (1.0 - random.uniform()).powf(-1.0 / slope)).min(30_000.0)
}

impl Star {
    fn core() -> f64 {
        SEEING / 2.0 / (2_f64.powf(1.0 / BETA) - 1.0).sqrt()
    }

    /// Where the star is a twentieth of the noise.
    fn reach(&self) -> f64 {
        let wing = Star::core() * (20.0 * self.peak / NOISE).powf(0.5 / BETA);
        let spike = SPIKE_LENGTH * (20.0 * SPIKE * self.peak / NOISE).max(1.0).ln();
        wing.max(spike) + 2.0
    }

    fn light(&self, du: f64, dv: f64) -> f64 {
        let wings = (1.0 + (du * du + dv * dv) / Star::core().powi(2)).powf(-BETA);
        let spike = |along: f64, across: f64| SPIKE * (-along.abs() / SPIKE_LENGTH - (across / 0.9).powi(2)).exp();
        self.peak * (wings + spike(du, dv) + spike(dv, du))
    }
}

/// Diffraction at the telescope's spider: brightness, of the star's, and length.
const SPIKE: f64 = 0.0035;
const SPIKE_LENGTH: f64 = 13.0;

impl Galaxy {
    fn light(&self, du: f64, dv: f64) -> f64 {
        let (sin, cos) = self.angle.sin_cos();
        let (along, across) = (du * cos + dv * sin, dv * cos - du * sin);
        let r = along.hypot(across / self.flat).hypot(0.6) / self.radius;
        let bulge = |size: f64| (-3.0 * ((r / size).hypot(0.02).sqrt())).exp();
        let shape = match self.shape {
            Shape::Smooth => bulge(1.2),
            Shape::Spiral => {
                let turn = (across / self.flat).atan2(along);
                // Two logarithmic arms with a pitch of 17°, clumpy.
                let arm = (0.5 + 0.5 * (2.0 * (turn - (r + 0.02).ln() / 0.31)).cos()).powi(2);
                let clumps = 0.55 + 0.9 * cloud(du / 7.0 + 40.0, dv / 7.0, 3, 5);
                (-r).exp() * (0.22 + 1.15 * arm * clumps * (1.0 - (-r / 0.35).exp())) + 2.6 * bulge(0.16)
            }
            Shape::EdgeOn => {
                let height = across / (self.radius * 0.09);
                let dust = 1.0 - 0.75 * (-(height / 0.33).powi(2) - (along / self.radius / 1.6).powi(2)).exp();
                let disc = (-(along / self.radius).hypot(0.15)).exp() * (-height.hypot(0.3)).exp();
                (1.5 * disc + 0.9 * (-(along.hypot(across * 1.3) / (0.2 * self.radius))).exp()) * dust
            }
        };
        self.peak * shape
    }
}

/// Glowing gas with filaments and dark lanes, and thin cirrus all over the field.
fn nebula(u: f64, v: f64) -> f64 {
    let (x, y) = (u / 120.0, v / 120.0);
    // Clouds are stirred by clouds.
    let stir = [cloud(x + 7.0, y, 4, 11) - 0.5, cloud(x, y + 3.0, 4, 12) - 0.5];
    let (sx, sy) = (x + 1.9 * stir[0], y + 1.9 * stir[1]);
    let gas = cloud(sx, sy, 6, 13);
    let filaments = (1.0 - (2.0 * cloud(1.6 * sx + 5.0, 1.6 * sy, 5, 14) - 1.0).abs()).powi(6);
    let dust = smooth((cloud(1.2 * sx, 1.2 * sy + 9.0, 6, 15) - 0.5) / 0.16);
    let (du, dv) = (u - NEBULA[0] + 60.0 * stir[0], v - NEBULA[1] + 60.0 * stir[1]);
    let r2 = ((du * 0.9 + dv * 0.25).powi(2) + (dv * 1.15 - du * 0.2).powi(2)) / (NEBULA[2] * NEBULA[2]);
    let glow = (-r2).exp();
    let cirrus = 1.6 * gas.powi(2);
    cirrus + glow * (10.0 + 60.0 * gas * gas + 55.0 * filaments * gas) * (1.0 - 0.72 * dust * (-0.6 * r2).exp()) * 0.9
}

/// Clouds between 0 and 1: value noise on lattices of halving width (Perlin 1985).
fn cloud(x: f64, y: f64, octaves: u32, seed: u64) -> f64 {
    let mut sum = 0.0;
    for octave in 0..octaves {
        let fine = f64::from(1 << octave);
        // Turned from lattice to lattice, so that none of them shows.
        let (sin, cos) = (0.6 * f64::from(octave)).sin_cos();
        let (x, y) = (fine * (x * cos - y * sin), fine * (x * sin + y * cos));
        sum += lattice(x, y, seed + 100 * u64::from(octave)) / fine;
    }
    sum / (2.0 - 1.0 / f64::from(1 << (octaves - 1)))
}

fn lattice(x: f64, y: f64, seed: u64) -> f64 {
    let (x0, y0) = (x.floor(), y.floor());
    let corner = |i: f64, j: f64| {
        let at = ((x0 + i) as i64 as u64) ^ ((y0 + j) as i64 as u64).rotate_left(32);
        (mix(at ^ mix(seed)) >> 11) as f64 / (1_u64 << 53) as f64
    };
    let (s, t) = (smooth(x - x0), smooth(y - y0));
    let low = corner(0.0, 0.0) + s * (corner(1.0, 0.0) - corner(0.0, 0.0));
    let high = corner(0.0, 1.0) + s * (corner(1.0, 1.0) - corner(0.0, 1.0));
    low + t * (high - low)
}

/// From 0 to 1 without kinks.
fn smooth(t: f64) -> f64 {
    let t = t.clamp(0.0, 1.0);
    t * t * t * (t * (6.0 * t - 15.0) + 10.0)
}
