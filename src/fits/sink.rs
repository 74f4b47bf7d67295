//! FITS files as sinks of a run.

use ndarray::ArrayView2;

use super::{element::FitsElement, strips::Strips, write::FitsOutput};
use crate::{
    Error, Pixel, PlaneSet,
    planes::{IntegerPlane, ValuePlane},
    sink::{FinishedTile, SinkLayout, TileSink},
};

impl<T: Pixel + FitsElement> FitsOutput<T> {
    /// Says which plane of a run the file takes. Default: the mosaic.
    #[must_use]
    pub fn plane(mut self, plane: ValuePlane) -> Self {
        self.plane = match plane {
            ValuePlane::Mosaic => PlaneSet::NONE,
            ValuePlane::Footprint => PlaneSet::FOOTPRINT,
            ValuePlane::Variance => PlaneSet::VARIANCE,
        };
        self
    }
}

impl FitsOutput<i32> {
    /// Says which plane of a run the file takes; without it, a file of integers is no sink. The context has the shape (⌈inputs / 32⌉, ..., ny, nx), all
    /// others that of the mosaic.
    #[must_use]
    pub fn plane(mut self, plane: IntegerPlane) -> Self {
        self.plane = match plane {
            IntegerPlane::Mask => PlaneSet::MASK,
            IntegerPlane::Count => PlaneSet::COUNT,
            IntegerPlane::Context => PlaneSet::CONTEXT,
        };
        self
    }
}

/// The file has the shape of the output, or, where a window is computed, of the window.
impl<T: Pixel + FitsElement> TileSink<T> for FitsOutput<T> {
    fn planes(&self) -> PlaneSet {
        self.plane
    }

    fn start(&mut self, layout: &SinkLayout<'_>) -> Result<u64, Error> {
        self.begin(layout, None)
    }

    fn write(&self, tile: &FinishedTile<'_, T>) -> Result<(), Error> {
        let view = match self.plane {
            PlaneSet::FOOTPRINT => tile.footprint,
            PlaneSet::VARIANCE => tile.variance,
            _ => Some(tile.mosaic),
        };
        view.iter().try_for_each(|view| self.put(tile.plane, tile.number, view))
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.complete()
    }
}

/// The file has the shape of the output, or, where a window is computed, of the window; for the context, after the number of its planes.
impl<T: Pixel> TileSink<T> for FitsOutput<i32> {
    fn planes(&self) -> PlaneSet {
        self.plane
    }

    fn start(&mut self, layout: &SinkLayout<'_>) -> Result<u64, Error> {
        match self.plane {
            PlaneSet::NONE => Err(Error::Output {
                path: self.path().to_owned(),
                problem: "a file of integers takes the mask, the count or the context: say which (FitsOutput::plane)"
                    .to_owned(),
            }),
            PlaneSet::CONTEXT => self.begin(layout, Some(layout.inputs.div_ceil(32))),
            _ => self.begin(layout, None),
        }
    }

    fn write(&self, tile: &FinishedTile<'_, T>) -> Result<(), Error> {
        match self.plane {
            PlaneSet::MASK => tile.mask.iter().try_for_each(|view| self.put(tile.plane, tile.number, view)),
            PlaneSet::COUNT => tile.count.iter().try_for_each(|view| self.put(tile.plane, tile.number, view)),
            _ => {
                let planes = self.planes_of_image() / tile.context.len().max(1);
                let context = tile.context.iter().enumerate();
                context.into_iter().try_for_each(|(word, view)| self.put(word * planes + tile.plane, tile.number, view))
            }
        }
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.complete()
    }
}

impl<P: FitsElement> FitsOutput<P> {
    /// Makes ready for the tiles of a run, `words` being the planes of the context. Returns the bytes that are held at most.
    fn begin(&mut self, layout: &SinkLayout<'_>, words: Option<usize>) -> Result<u64, Error> {
        let full: Vec<usize> = words.into_iter().chain(layout.shape.iter().copied()).collect();
        let mut windowed = full.clone();
        if let [.., ny, nx] = &mut windowed[..] {
            (*ny, *nx) = (layout.window.ny, layout.window.nx);
        }
        self.origin = if self.shape() == full {
            [0; 2]
        } else if self.shape() == windowed {
            [layout.window.x0, layout.window.y0]
        } else {
            let expected = if full == windowed {
                format!("{full:?} as planned")
            } else {
                format!("{full:?} as planned, or {windowed:?} as the window")
            };
            let what = format!("the image in {}", self.path().display());
            return Err(Error::Shape { what, got: self.shape().to_vec(), expected });
        };
        let (strips, bytes) = Strips::new(layout, layout.planes * words.unwrap_or(1), !self.filled);
        self.strips = Some(strips);
        self.filled = true;
        Ok(bytes)
    }

    fn planes_of_image(&self) -> usize {
        self.shape().iter().rev().skip(2).product()
    }

    fn put(&self, plane: usize, tile: usize, view: &ArrayView2<'_, P>) -> Result<(), Error> {
        let Some(strips) = &self.strips else { return Ok(()) };
        // The system lets one thread at a time write to a file; a queue of strips instead of that wait was no faster.
        if let Some(strip) = strips.put(plane, tile, view) {
            self.write_strip(&strip, strips)?;
            strips.recycle(strip);
        }
        Ok(())
    }

    fn complete(&mut self) -> Result<(), Error> {
        match self.strips.take() {
            Some(strips) if strips.left() > 0 => Err(Error::Output {
                path: self.path().to_owned(),
                problem: "not all tiles of the run have come".to_owned(),
            }),
            _ => Ok(()),
        }
    }
}
