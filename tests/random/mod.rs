//! Random numbers that are the same on every run, and random headers.

// Every test that says `mod random` uses a part of it.
#![allow(dead_code)]

use std::fmt::Write;

/// xorshift64* (Vigna 2016).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// In [0, 1).
    pub(crate) fn next(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.next()
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() * n as f64) as usize
    }

    /// Longitude and latitude in degrees, even over the sphere.
    pub(crate) fn place(&mut self) -> [f64; 2] {
        [self.between(0.0, 360.0), self.between(-1.0, 1.0).asin().to_degrees()]
    }
}

/// The projections of the standard, with parameters PV2_1, PV2_2, … that are usual for them.
pub(crate) const PROJECTIONS: [(&str, &[f64]); 29] = [
    ("AZP", &[2.0, 30.0]),
    ("SZP", &[2.0, 180.0, 60.0]),
    ("TAN", &[]),
    ("STG", &[]),
    ("SIN", &[]),
    ("SIN", &[0.3, -0.2]),
    ("ARC", &[]),
    ("ZPN", &[1.0, 0.0, -0.05]),
    ("ZEA", &[]),
    ("AIR", &[45.0]),
    ("CYP", &[1.0, 0.7]),
    ("CEA", &[0.8]),
    ("CAR", &[]),
    ("MER", &[]),
    ("SFL", &[]),
    ("PAR", &[]),
    ("MOL", &[]),
    ("AIT", &[]),
    ("COP", &[45.0, 25.0]),
    ("COE", &[-45.0, 25.0]),
    ("COD", &[45.0, 25.0]),
    ("COO", &[45.0, 25.0]),
    ("BON", &[45.0]),
    ("PCO", &[]),
    ("TSC", &[]),
    ("QSC", &[]),
    ("HPX", &[]),
    ("XPH", &[]),
    ("CSC", &[]),
];

/// Place of a projection in the list.
pub(crate) fn projection(code: &str) -> usize {
    PROJECTIONS.iter().position(|(name, _)| *name == code).unwrap()
}

/// The cards, one a line, of an image with the reference point in its middle, turned by `angle` degrees.
pub(crate) fn header(
    kind: usize,
    crval: [f64; 2],
    scale: f64,
    angle: f64,
    [ny, nx]: [usize; 2],
    frame: Frame,
) -> String {
    let (code, parameters) = PROJECTIONS[kind];
    let names = match frame {
        Frame::Icrs => ["RA---", "DEC--"],
        Frame::Galactic => ["GLON-", "GLAT-"],
    };
    let mut text = String::new();
    for axis in 0..2 {
        let (n, k) = ([nx, ny][axis], axis + 1);
        writeln!(text, "CTYPE{k}  = '{}{code}'", names[axis]).unwrap();
        writeln!(text, "CRVAL{k}  = {:?}", crval[axis]).unwrap();
        writeln!(text, "CRPIX{k}  = {:?}", n as f64 / 2.0 + 0.5).unwrap();
        writeln!(text, "CDELT{k}  = {:?}", [-scale, scale][axis]).unwrap();
    }
    writeln!(text, "CROTA2  = {angle:?}").unwrap();
    for (k, value) in parameters.iter().enumerate() {
        writeln!(text, "PV2_{}   = {value:?}", k + 1).unwrap();
    }
    text
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Frame {
    Icrs,
    Galactic,
}
