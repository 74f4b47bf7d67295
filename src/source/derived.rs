//! Sources whose pixels follow from those of another, one by one.

use std::{path::Path, sync::Arc};

use super::{PixelSource, ReadContext};
use crate::{Error, Header, PixelType, PixelsMut, Window};

/// How a pixel value follows from the one that is stored.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rule {
    /// Its square, of a standard deviation: a negative one is missing.
    Variance,
    /// What is left of it above a level.
    Above(f64),
}

impl Rule {
    fn apply(self, stored: f64) -> f64 {
        match self {
            Rule::Variance if stored < 0.0 => f64::NAN,
            Rule::Variance => stored * stored,
            Rule::Above(level) => stored - level,
        }
    }
}

/// A source with the pixels of another, changed by a rule as they are read, in f64.
#[derive(Debug)]
pub(crate) struct Derived<'a> {
    pub(crate) stored: Arc<dyn PixelSource + 'a>,
    pub(crate) rule: Rule,
}

impl PixelSource for Derived<'_> {
    fn shape(&self) -> &[usize] {
        self.stored.shape()
    }

    fn element(&self) -> PixelType {
        PixelType::F64
    }

    fn read(&self, plane: usize, window: Window, out: PixelsMut<'_>, run: &ReadContext<'_>) -> Result<(), Error> {
        match out {
            PixelsMut::F64(out) => {
                self.stored.read(plane, window, PixelsMut::F64(out), run)?;
                out.iter_mut().for_each(|pixel| *pixel = self.rule.apply(*pixel));
            }
            PixelsMut::F32(out) => {
                let mut pixels = vec![0.0; out.len()];
                self.stored.read(plane, window, PixelsMut::F64(&mut pixels), run)?;
                out.iter_mut().zip(pixels).for_each(|(to, pixel)| *to = self.rule.apply(pixel) as f32);
            }
        }
        Ok(())
    }

    fn will_read(&self, plane: usize, windows: &[Window], run: &ReadContext<'_>) {
        self.stored.will_read(plane, windows, run);
    }

    fn file(&self) -> Option<(&Path, usize)> {
        self.stored.file()
    }

    fn header(&self) -> Option<&Header> {
        self.stored.header()
    }
}
