//! Backgrounds as bytes, so that what one machine has measured serves the windows that others compute.
//!
//! Little-endian; counts are u64, values the bits of their f64:
//!
//! ```text
//! "SKYBGND1", planes, and for each plane:
//!   inputs, corrections (5 values each), groups, for each: members, their inputs; pairs, for each: 2 inputs, pixels, difference (5), residual
//! ```

use super::{Backgrounds, Correction, Pair, PlaneBackgrounds};
use crate::Error;

const MAGIC: &[u8; 8] = b"SKYBGND1";

impl Backgrounds {
    /// All of it as bytes, exactly. [`from_bytes`](Self::from_bytes) reads them, on any machine.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let count = |bytes: &mut Vec<u8>, n: usize| bytes.extend((n as u64).to_le_bytes());
        let value = |bytes: &mut Vec<u8>, v: f64| bytes.extend(v.to_bits().to_le_bytes());
        let correction = |bytes: &mut Vec<u8>, c: &Correction| {
            [c.offset, c.slope[0], c.slope[1], c.centre[0], c.centre[1]].into_iter().for_each(|v| value(bytes, v));
        };
        count(&mut bytes, self.planes.len());
        for plane in &self.planes {
            count(&mut bytes, plane.corrections.len());
            plane.corrections.iter().for_each(|c| correction(&mut bytes, c));
            count(&mut bytes, plane.groups.len());
            for group in &plane.groups {
                count(&mut bytes, group.len());
                group.iter().for_each(|input| count(&mut bytes, *input));
            }
            count(&mut bytes, plane.pairs.len());
            for pair in &plane.pairs {
                pair.inputs.iter().for_each(|input| count(&mut bytes, *input));
                bytes.extend(pair.pixels.to_le_bytes());
                correction(&mut bytes, &pair.difference);
                value(&mut bytes, pair.residual);
            }
        }
        bytes
    }

    /// What [`to_bytes`](Self::to_bytes) has written.
    ///
    /// # Errors
    /// [`Error::Option`] if the bytes are something else, or not whole.
    pub fn from_bytes(bytes: &[u8]) -> Result<Backgrounds, Error> {
        let read = || {
            let mut reader = Reader(bytes.strip_prefix(MAGIC)?);
            let planes = reader.list(Reader::plane)?;
            reader.0.is_empty().then_some(Backgrounds { planes })
        };
        read().ok_or_else(|| Error::Option {
            option: "match_background",
            got: format!("{} bytes", bytes.len()),
            expected: "backgrounds as Backgrounds::to_bytes writes them".to_owned(),
        })
    }
}

/// What is left to read.
struct Reader<'b>(&'b [u8]);

impl Reader<'_> {
    fn word(&mut self) -> Option<u64> {
        let (word, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*word))
    }

    fn value(&mut self) -> Option<f64> {
        self.word().map(f64::from_bits)
    }

    fn number(&mut self) -> Option<usize> {
        usize::try_from(self.word()?).ok()
    }

    /// A count and so many items. The count is not trusted: nothing is reserved for it.
    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        (0..self.word()?).map(|_| item(self)).collect()
    }

    fn correction(&mut self) -> Option<Correction> {
        let mut values = [0.0; 5];
        for value in &mut values {
            *value = self.value()?;
        }
        let [offset, slope_x, slope_y, x, y] = values;
        Some(Correction { offset, slope: [slope_x, slope_y], centre: [x, y] })
    }

    fn pair(&mut self) -> Option<Pair> {
        Some(Pair {
            inputs: [self.number()?, self.number()?],
            pixels: self.word()?,
            difference: self.correction()?,
            residual: self.value()?,
        })
    }

    fn plane(&mut self) -> Option<PlaneBackgrounds> {
        Some(PlaneBackgrounds {
            corrections: self.list(Self::correction)?,
            groups: self.list(|reader| reader.list(Self::number))?,
            pairs: self.list(Self::pair)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_there_and_back() {
        let correction = |k: f64| Correction { offset: k / 3.0, slope: [-k * 1e-300, f64::NAN], centre: [k, -0.0] };
        let pair = Pair { inputs: [0, 2], pixels: u64::MAX, difference: correction(5.0), residual: f64::MIN_POSITIVE };
        let plane = PlaneBackgrounds {
            corrections: vec![correction(1.0), correction(2.0), Correction::default()],
            groups: vec![vec![0, 2], vec![1]],
            pairs: vec![pair],
        };
        let bytes = Backgrounds { planes: vec![plane.clone(), plane] }.to_bytes();
        let back = Backgrounds::from_bytes(&bytes).unwrap();
        assert_eq!(back.planes.len(), 2);
        assert_eq!(back.to_bytes(), bytes);
        for wrong in 0..bytes.len() {
            assert!(matches!(Backgrounds::from_bytes(&bytes[..wrong]), Err(Error::Option { .. })));
        }
        assert!(Backgrounds::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
        assert!(Backgrounds::from_bytes(&[&MAGIC[..], &[0xff; 8]].concat()).is_err());
    }
}
