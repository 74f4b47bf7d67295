//! How a run reads the sources of its inputs.

use super::{Input, Source};
use crate::{
    progress::Meter,
    source::{BlockCache, ReadContext},
};

/// How the pixels of one input are read in a run.
#[derive(Clone, Copy)]
pub(crate) struct InputReader<'r> {
    pub(crate) cache: &'r BlockCache<'r>,
    pub(crate) meter: &'r Meter<'r>,
    /// Position of the input in the list of inputs.
    pub(crate) input: usize,
}

/// The sources that an input is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    Image,
    Weights,
    Variance,
    Mask,
}

impl InputReader<'_> {
    const PARTS: [Part; 4] = [Part::Image, Part::Weights, Part::Variance, Part::Mask];

    /// What the run lends to one of the sources.
    pub(crate) fn of(&self, part: Part) -> ReadContext<'_> {
        ReadContext::new(self.cache, self.meter, Self::number(self.input, part))
    }

    /// The sources of an input, in the order of their numbers.
    pub(crate) fn sources<'s>(input: &Input<'s>) -> [Option<Source<'s>>; 4] {
        let weights = input.weights.as_ref().map(|weights| Source::clone(&weights.image));
        [Some(Source::clone(&input.image)), weights, input.variance.clone(), input.mask.clone()]
    }

    /// Notes that an input is going to be read.
    pub(crate) fn expect(cache: &BlockCache<'_>, input: usize) {
        Self::PARTS.iter().for_each(|part| cache.expect(Self::number(input, *part)));
    }

    /// Drops what has been decoded of an input.
    pub(crate) fn release(cache: &BlockCache<'_>, input: usize) {
        Self::PARTS.iter().for_each(|part| cache.release(Self::number(input, *part)));
    }

    fn number(input: usize, part: Part) -> u64 {
        (input * Self::PARTS.len() + part as usize) as u64
    }
}
