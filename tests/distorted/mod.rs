//! Random images with distortions, and in frames that no rotation carries to others.

use std::fmt::Write;

use ndarray::Array2;
use skymosaic::{Error, Header, LookupTables, Wcs, WcsOptions};

use crate::random::{Frame, Random, header, projection};

/// What a [`distorted`] header has beside a tangent plane.
pub(crate) const DISTORTIONS: [&str; 7] = ["SIP", "TPV", "CPDIS", "D2IM, SIP, CPDIS", "FK4", "FK4-NO-E", "FK4, SIP"];

/// Any number of tables of 9 × 7 corrections up to `size` pixels, for images of `shape`.
struct Tables {
    shape: [usize; 2],
    size: f64,
    seed: u64,
}

impl LookupTables for Tables {
    fn table(&self, extname: &str, extver: i64) -> Result<(Header, Array2<f64>), Error> {
        let size = if extname == "D2IMARR" { 0.1 * self.size } else { self.size };
        let mut random = Random(self.seed + 2 * extver as u64 + u64::from(extname == "D2IMARR"));
        let [ny, nx] = self.shape.map(|n| n as f64);
        let text = format!(
            "CRPIX1 = 1\nCRVAL1 = 1\nCDELT1 = {:?}\nCRPIX2 = 1\nCRVAL2 = 1\nCDELT2 = {:?}",
            (nx - 1.0) / 6.0,
            (ny - 1.0) / 8.0
        );
        Ok((Header::parse(&text)?, Array2::from_shape_simple_fn((9, 7), || random.between(-size, size))))
    }
}

/// A place of J2000 in B1950, to arcseconds: by the transpose of the matrix of Murray (1989, A&A 218, 325).
fn b1950([lon, lat]: [f64; 2]) -> [f64; 2] {
    const TO_J2000: [[f64; 3]; 3] = [
        [0.999_925_678_2, -0.011_182_059_6, -0.004_857_946_6],
        [0.011_182_059_6, 0.999_937_478_4, -0.000_027_176_4],
        [0.004_857_946_7, -0.000_027_147_4, 0.999_988_199_7],
    ];
    let ((sin_lon, cos_lon), (sin_lat, cos_lat)) = (lon.to_radians().sin_cos(), lat.to_radians().sin_cos());
    let v = [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat];
    let [x, y, z] = [0, 1, 2].map(|i| (0..3).map(|j| TO_J2000[j][i] * v[j]).sum::<f64>());
    [y.atan2(x).to_degrees(), z.atan2(x.hypot(y)).to_degrees()]
}

/// An image around an ICRS position with one of the [`DISTORTIONS`]: SIP and TPV move its corners by some 20 pixels, tables its pixels by up
/// to 1.
pub(crate) fn distorted(random: &mut Random, kind: usize, place: [f64; 2], scale: f64, shape: [usize; 2]) -> Wcs {
    let crval = if DISTORTIONS[kind].starts_with("FK4") { b1950(place) } else { place };
    let mut text = header(projection("TAN"), crval, scale, random.between(0.0, 360.0), shape, Frame::Icrs);
    let half = shape[0].max(shape[1]) as f64 / 2.0;
    let name = DISTORTIONS[kind];
    if name.contains("SIP") {
        text = text.replace("-TAN'", "-TAN-SIP'");
        text += "A_ORDER = 4\nB_ORDER = 4\n";
        for (axis, i, j) in (0..5).flat_map(|i| (0..5 - i).flat_map(move |j| [("A", i, j), ("B", i, j)])) {
            if i + j >= 2 {
                writeln!(text, "{axis}_{i}_{j} = {:e}", random.between(-4.0, 4.0) / half.powi(i + j)).unwrap();
            }
        }
    }
    if name == "TPV" {
        text = text.replace("-TAN'", "-TPV'");
        // Degree of the terms PVi_m: 3 and 11 are radial.
        for (m, degree) in [(4, 2), (5, 2), (6, 2), (7, 3), (8, 3), (9, 3), (10, 3), (11, 3)] {
            for axis in [1, 2] {
                let term = random.between(-4.0, 4.0) * scale / (half * scale).powi(degree);
                writeln!(text, "PV{axis}_{m} = {term:e}").unwrap();
            }
        }
    }
    for (kind, record) in [("CPDIS", "DP"), ("D2IMDIS", "D2IM")] {
        if name.contains(&kind[..4]) {
            for axis in [1, 2] {
                writeln!(text, "{kind}{axis} = 'Lookup'\n{record}{axis} = 'EXTVER: {axis}.0'").unwrap();
                writeln!(text, "{record}{axis} = 'AXIS.1: 1.0'\n{record}{axis} = 'AXIS.2: 2.0'").unwrap();
            }
        }
    }
    if name.starts_with("FK4") {
        let frame = name.split(',').next().unwrap_or_default();
        writeln!(text, "RADESYS = '{frame}'\nEQUINOX = 1950.0\nDATE-OBS = '1975-03-01'").unwrap();
    }
    let tables = Tables { shape, size: 1.0, seed: 1 + (random.next() * 1e15) as u64 };
    let header = Header::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    Wcs::from_header_with(&header, &WcsOptions::default().tables(&tables)).unwrap_or_else(|e| panic!("{e}\n{text}"))
}
