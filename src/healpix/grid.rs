//! The pixels of a HEALPix map: their numbers, and which of them lie around a direction.

use std::f64::consts::{FRAC_PI_2, TAU};

use cdshealpix::{nested, ring};

use super::plane::Plane;
use crate::{Error, Wcs, wcs::Frame};

/// The order in which the pixels of a HEALPix map are numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HealpixOrder {
    /// Along rings of equal latitude, from the north pole on.
    Ring,
    /// By base cells, in each along a Z-shaped curve; `NSIDE` is a power of two.
    Nested,
}

/// The pixels of a HEALPix map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealpixGrid {
    nside: u32,
    order: HealpixOrder,
}

/// Largest order of HEALPix with 64-bit numbers; `NSIDE` is two to this power.
pub(super) const MAX_ORDER: u32 = 29;

/// A ring of pixels of equal latitude.
struct Ring {
    first: u64,
    count: u64,
    /// Distance of the first pixel's centre from longitude 0, in pixels.
    shift: f64,
}

impl HealpixGrid {
    /// The grid whose base cells have `nside` pixels along their sides.
    ///
    /// # Errors
    /// [`Error::Keyword`] unless `nside` is 1 to 2^29, and in nested order a power of two.
    pub fn new(nside: u64, order: HealpixOrder) -> Result<HealpixGrid, Error> {
        let fits = (1..=1 << MAX_ORDER).contains(&nside) && (order == HealpixOrder::Ring || nside.is_power_of_two());
        match u32::try_from(nside) {
            Ok(nside) if fits => Ok(HealpixGrid { nside, order }),
            _ => Err(Error::Keyword {
                keyword: "NSIDE".to_owned(),
                value: nside.to_string(),
                problem: "expected 1 to 536870912 (2^29), in NESTED order a power of two".to_owned(),
            }),
        }
    }

    /// Pixels along the side of a base cell.
    #[must_use]
    pub fn nside(&self) -> u64 {
        self.nside.into()
    }

    /// How pixels are numbered.
    #[must_use]
    pub fn order(&self) -> HealpixOrder {
        self.order
    }

    /// Pixels of the whole sky, 12 `nside`².
    #[must_use]
    pub fn pixels(&self) -> u64 {
        12 * self.nside() * self.nside()
    }

    /// The plane of the map's pixels: the all-sky HPX image, turned by 45°, whose pixels are those of the map. Its shape (ny, nx) is 5 `nside` squared, in
    /// which base cells are upright squares.
    ///
    /// # Errors
    /// [`Error::Wcs`] for frames that no FITS header tells.
    pub fn plane(&self, frame: &Frame) -> Result<Wcs, Error> {
        Plane::new(self.nside(), 0).wcs(frame)
    }

    fn depth(&self) -> u8 {
        self.nside.trailing_zeros() as u8
    }

    /// The pixel that holds a direction, longitude and latitude in radians; `None` if they are not finite.
    pub(super) fn at(&self, lon: f64, lat: f64) -> Option<u64> {
        if !(lon.is_finite() && lat.is_finite()) {
            return None;
        }
        let (lon, lat) = (lon.rem_euclid(TAU), lat.clamp(-FRAC_PI_2, FRAC_PI_2));
        let pixel = match self.order {
            HealpixOrder::Nested => nested::hash(self.depth(), lon, lat),
            HealpixOrder::Ring => ring::hash(self.nside, lon, lat),
        };
        Some(pixel)
    }

    /// The pixels between whose centres a direction (longitude and latitude in radians) lies, two each on the rings above and below it, and
    /// their weights, bilinear in longitude and latitude as in healpy's `get_interp_weights`. Above the first and below the last ring the four pixels
    /// around the pole share the weight that the pole has. `None` if the direction is not finite.
    pub(super) fn around(&self, lon: f64, lat: f64) -> Option<[(u64, f64); 4]> {
        if !(lon.is_finite() && lat.is_finite()) {
            return None;
        }
        let lon = lon.rem_euclid(TAU);
        let above = self.ring_above(lat);
        let last = 4 * self.nside() - 1;
        let [mut found, second] = match above {
            0 => [self.ring(1), self.ring(1)].map(|ring| pair(&ring, lon)),
            _ if above >= last => [self.ring(last), self.ring(last)].map(|ring| pair(&ring, lon)),
            _ => [above, above + 1].map(|ring| pair(&self.ring(ring), lon)),
        };
        let mut four;
        if above == 0 || above >= last {
            let number = if above == 0 { 1 } else { last };
            let ring = self.ring(number);
            let pole_weight = 1.0 - (FRAC_PI_2 - lat.abs()) / (FRAC_PI_2 - self.latitude(number).abs());
            let share = 0.25 * pole_weight;
            let opposite = |pixel: u64| ring.first + (pixel - ring.first + 2) % 4;
            found.iter_mut().for_each(|(_, weight)| *weight = *weight * (1.0 - pole_weight) + share);
            four = [found[0], found[1], (opposite(second[0].0), share), (opposite(second[1].0), share)];
        } else {
            let [high, low] = [above, above + 1].map(|ring| self.latitude(ring));
            let down = snapped(((high - lat) / (high - low)).clamp(0.0, 1.0), self.nside());
            four = [found[0], found[1], second[0], second[1]];
            four.iter_mut().take(2).for_each(|(_, weight)| *weight *= 1.0 - down);
            four.iter_mut().skip(2).for_each(|(_, weight)| *weight *= down);
        }
        if self.order == HealpixOrder::Nested {
            let rings = if above == 0 || above >= last { [above.clamp(1, last); 2] } else { [above, above + 1] };
            for (two, ring) in four.chunks_mut(2).zip(rings) {
                two.iter_mut().for_each(|(pixel, _)| *pixel = self.of_ring(ring, *pixel));
            }
        }
        Some(four)
    }

    /// The last ring, counted from 1 in the north, that does not lie south of a latitude; 0 above the first one.
    fn ring_above(&self, lat: f64) -> u64 {
        let nside = f64::from(self.nside);
        let z = lat.sin();
        if z.abs() <= 2.0 / 3.0 {
            return (nside * (2.0 - 1.5 * z)) as u64;
        }
        // sqrt(3 (1 - |z|)), free of cancellation at the pole.
        let ring = (nside * 6_f64.sqrt() * (0.5 * (FRAC_PI_2 - lat.abs())).sin().abs()) as u64;
        if z > 0.0 { ring } else { 4 * self.nside() - ring - 1 }
    }

    /// A ring, counted from 1 to 4 `nside` - 1.
    fn ring(&self, number: u64) -> Ring {
        let nside = self.nside();
        let from_pole = number.min(4 * nside - number);
        if from_pole >= nside {
            let shift = if (number - nside).is_multiple_of(2) { 0.5 } else { 0.0 };
            let first = 2 * nside * (nside - 1) + (number - nside) * 4 * nside;
            return Ring { first, count: 4 * nside, shift };
        }
        let north = number < nside;
        let first = if north { 2 * number * (number - 1) } else { self.pixels() - 2 * from_pole * (from_pole + 1) };
        Ring { first, count: 4 * from_pole, shift: 0.5 }
    }

    /// The pixel of this grid, which is in nested order, that has a number in ring order, on a ring counted from 1 to 4 `nside` - 1: Górski et al. (2005),
    /// section 4.
    fn of_ring(&self, number: u64, pixel: u64) -> u64 {
        let nside = self.nside() as i64;
        let ring = self.ring(number);
        let (number, place) = (number as i64, (pixel - ring.first) as i64);
        let quarter = (ring.count / 4) as i64;
        let face = if number < nside {
            place / quarter
        } else if number > 3 * nside {
            8 + place / quarter
        } else {
            // Counted along the lines that go up and down to the right, of which base cells are the squares.
            let down = number - nside;
            let (up, fall) =
                ((place - (down + 1) / 2 + nside) / nside, (place - (2 * nside + 1 - down) / 2 + nside) / nside);
            match fall.cmp(&up) {
                std::cmp::Ordering::Equal => 4 + fall % 4,
                std::cmp::Ordering::Less => fall,
                std::cmp::Ordering::Greater => up + 8,
            }
        };
        let (row, column) = (face / 4, if face / 4 == 1 { 2 * (face % 4) } else { 2 * (face % 4) + 1 });
        let south = number - (2 + row) * nside + 1;
        // Twice the distance from the middle of the base cell.
        let shifted = i64::from(number >= nside && number <= 3 * nside && ring.shift == 0.0);
        let mut east = 2 * place + 1 - column * quarter - shifted;
        if east >= 2 * nside {
            east -= 8 * nside;
        }
        let (x, y) = ((east - south) >> 1, (-(east + south)) >> 1);
        self.of_cell(face as u64, x as u64, y as u64)
    }

    /// Latitude of a ring in radians.
    fn latitude(&self, number: u64) -> f64 {
        let nside = self.nside();
        let from_pole = number.min(4 * nside - number);
        if from_pole >= nside {
            return ((2.0 * nside as f64 - number as f64) * 2.0 / (3.0 * nside as f64)).asin();
        }
        let colatitude = 2.0 * (from_pole as f64 / (nside as f64 * 6_f64.sqrt())).asin();
        (FRAC_PI_2 - colatitude) * if number < nside { 1.0 } else { -1.0 }
    }

    /// The pixel at column x (to the north-east) and row y (to the north-west) of a base cell.
    pub(crate) fn of_cell(&self, face: u64, x: u64, y: u64) -> u64 {
        let nside = self.nside();
        if self.order == HealpixOrder::Nested {
            return face * nside * nside + spread(x) + 2 * spread(y);
        }
        // Ring, and place in it, as in Górski et al. (2005), section 4.
        let ring = self.ring((face / 4 + 2) * nside - x - y - 1);
        let column = if face / 4 == 1 { 2 * (face % 4) } else { 2 * (face % 4) + 1 };
        // Twice the place, to stay whole, and the ring once around, to stay positive.
        let twice = 2 * ring.count + column * (ring.count / 4) + x - y - u64::from(ring.shift > 0.0);
        ring.first + (twice / 2) % ring.count
    }
}

/// The two pixels of a ring around a longitude, with their weights.
fn pair(ring: &Ring, lon: f64) -> [(u64, f64); 2] {
    let place = lon / TAU * ring.count as f64 - ring.shift;
    let before = place.floor();
    let after = snapped(place - before, ring.count);
    let index = (before + ring.count as f64) as u64;
    [(ring.first + index % ring.count, 1.0 - after), (ring.first + (index + 1) % ring.count, after)]
}

/// A weight of pixels that are 1 / `count` of a circle, or a few times that, apart: 0 or 1 where it is so but for the rounding of angles. A direction at the centre of a
/// pixel does not see the others, be they missing or 10^20 times as bright.
fn snapped(weight: f64, count: u64) -> f64 {
    let rounding = 4.0 * f64::EPSILON * count as f64;
    if weight < rounding {
        0.0
    } else if weight > 1.0 - rounding {
        1.0
    } else {
        weight
    }
}

/// The bits of a number below 2^29 at the even places.
fn spread(number: u64) -> u64 {
    let mut bits = number;
    for (shift, mask) in [
        (16, 0x0000_ffff_0000_ffff),
        (8, 0x00ff_00ff_00ff_00ff),
        (4, 0x0f0f_0f0f_0f0f_0f0f),
        (2, 0x3333_3333_3333_3333),
        (1, 0x5555_5555_5555_5555),
    ] {
        bits = (bits | (bits << shift)) & mask;
    }
    bits
}
