//! Where on the sky a block of pixels lies: caps that contain it.

use crate::direction::{Cap, Vector, chord, dot};

/// A unit vector where there is one.
type Direction = Option<Vector>;

/// A closed rectangle of pixel positions: `[x0, x1]`, `[y0, y1]`.
pub(crate) type Block = [[f64; 2]; 2];

/// Samples along each side of a block, less one.
const CELLS: usize = 4;
/// Steps into which the side of a block is divided if the block is irregular and not divided further.
const STEPS: f64 = 16.0;

/// Pixels by which positions between the samples may depart from what the samples imply, as with distortion tables.
const SLACK: f64 = 2.0;

/// A cap that contains a block of any size, if 5 × 5 samples determine one; the farther apart the samples, the larger the allowance.
pub(crate) fn regular_cap(sky: &impl Fn(f64, f64) -> Option<Vector>, block: Block) -> Option<Cap> {
    let longest = block.map(|[low, high]| high - low).into_iter().fold(0.0, f64::max);
    Lattice::new(sky, block, [CELLS; 2]).regular_cap(SLACK.max(longest / 32.0))
}

/// Divides a block of pixels until each part is known to lie within a cap. `sky` gives the unit vector of a position.
///
/// A part counts as regular if `sky` is defined at all of 5 × 5 samples and its second differences are small. A cap
/// around the samples, enlarged by four times what these allow a twice differentiable map to depart from its bilinear
/// interpolation and by two pixels for small-scale distortions in between, contains it, because a cap below a
/// hemisphere is convex. An irregular part is divided, down to `finest` pixels, and then sampled at 16 × 16 steps, with
/// a margin that is large enough at the edge of a hemisphere, too. A part without any defined sample on its border and on a lattice inside is empty.
pub(crate) struct Caps<'s, S> {
    pub(crate) sky: &'s S,
    /// Side of the smallest parts, pixels.
    pub(crate) finest: f64,
    /// Evaluations of `sky` left before what remains is said to be anywhere.
    pub(crate) budget: usize,
    pub(crate) found: Vec<Cap>,
}

impl<S: Fn(f64, f64) -> Option<Vector>> Caps<'_, S> {
    fn sample(&mut self, block: Block, cells: [usize; 2]) -> Lattice {
        let samples = Lattice::new(self.sky, block, cells);
        self.budget = self.budget.saturating_sub(samples.points.len());
        samples
    }

    pub(crate) fn cover(&mut self, block: Block) {
        if self.budget == 0 {
            self.found.push(Cap::WHOLE);
            return;
        }
        let samples = self.sample(block, [CELLS; 2]);
        if let Some(cap) = samples.regular_cap(SLACK) {
            self.found.push(cap);
            return;
        }
        if samples.defined().next().is_none() && self.is_empty(block) {
            return;
        }
        let [x, y] = block;
        if x[1] - x[0] <= self.finest && y[1] - y[0] <= self.finest {
            let cap = self.finest_cap(block);
            self.found.extend(cap);
            return;
        }
        let middle = block.map(|[low, high]| (0.5 * (low + high) + 0.5).floor() - 0.5);
        for y in [[y[0], middle[1]], [middle[1], y[1]]] {
            for x in [[x[0], middle[0]], [middle[0], x[1]]] {
                if x[0] < x[1] && y[0] < y[1] {
                    self.cover([x, y]);
                }
            }
        }
    }

    fn finest_cap(&mut self, block: Block) -> Option<Cap> {
        let step = self.finest / STEPS;
        // Four steps more on each side, so that the steps next to a narrow defined region are known.
        let around = block.map(|[low, high]| [low - 4.0 * step, high + 4.0 * step]);
        let samples = self.sample(around, around.map(|[low, high]| ((high - low) / step).ceil() as usize));
        // Towards the edge of a hemisphere the direction changes as the square root of the distance: 2.42 times the last step is left.
        let margin = 3.0 * samples.longest_step();
        if margin > 0.0 { Cap::around(samples.defined(), margin) } else { samples.defined().next().map(|_| Cap::WHOLE) }
    }

    /// Whether no direction is defined along the border of a block nor on a lattice inside.
    fn is_empty(&mut self, [x, y]: Block) -> bool {
        let step = self.finest / STEPS;
        let borders = [(x, [y[0]; 2], step), (x, [y[1]; 2], step), ([x[0]; 2], y, step), ([x[1]; 2], y, step)];
        borders.into_iter().chain([(x, y, self.finest)]).all(|(x, y, step)| {
            let cells = [x, y].map(|[low, high]| ((high - low) / step).ceil());
            // Around a small image the lattice may have too many points; the part is then taken for not empty.
            if !((cells[0] + 1.0) * (cells[1] + 1.0) <= self.budget as f64) {
                self.budget = 0;
                return false;
            }
            self.sample([x, y], cells.map(|n| n as usize)).defined().next().is_none()
        })
    }
}

/// Directions on a regular lattice over a block, borders included.
struct Lattice {
    points: Vec<Option<Vector>>,
    /// Points along x.
    width: usize,
    /// Pixels between them along x and y.
    spacing: [f64; 2],
}

impl Lattice {
    fn new(sky: &impl Fn(f64, f64) -> Option<Vector>, [x, y]: Block, cells: [usize; 2]) -> Lattice {
        let width = cells[0] + 1;
        let at = |range: [f64; 2], k: usize, n: usize| {
            if k == n { range[1] } else { range[0] + (range[1] - range[0]) * k as f64 / n as f64 }
        };
        let points =
            (0..width * (cells[1] + 1)).map(|k| sky(at(x, k % width, cells[0]), at(y, k / width, cells[1]))).collect();
        let spacing = [(x[1] - x[0]) / cells[0].max(1) as f64, (y[1] - y[0]) / cells[1].max(1) as f64];
        Lattice { points, width, spacing }
    }

    fn defined(&self) -> impl Iterator<Item = Vector> + Clone + '_ {
        self.points.iter().filter_map(|p| *p)
    }

    /// Every point with the next one and the one after that, along x (0) and y (1); the last may be missing.
    fn runs(&self) -> impl Iterator<Item = (usize, Direction, Direction, Option<Direction>)> {
        let (n, width) = (self.points.len(), self.width);
        (0..n).flat_map(move |k| {
            let along = move |axis: usize, stride: usize, left: usize| {
                let third = (left > 2).then(|| self.points[k + 2 * stride]);
                (left > 1).then(|| (axis, self.points[k], self.points[k + stride], third))
            };
            [along(0, 1, width - k % width), along(1, width, n / width - k / width)].into_iter().flatten()
        })
    }

    fn longest_step(&self) -> f64 {
        self.runs().filter_map(|(_, a, b, _)| Some(chord(a?, b?))).fold(0.0, f64::max)
    }

    /// A cap that contains all between the samples too, if the block is regular and lies within less than a hemisphere.
    fn regular_cap(&self, slack: f64) -> Option<Cap> {
        Cap::around(self.defined(), self.margin(slack)?).filter(|cap| cap.cos_radius > 0.0)
    }

    /// The radians by which a cap around the samples has to be enlarged to contain all positions between them; `None` if
    /// not all samples are defined or they vary too fast. Small-scale distortions between the samples are at most `slack` pixels.
    fn margin(&self, slack: f64) -> Option<f64> {
        let mut longest = [0.0_f64; 2];
        let mut bend = 0.0_f64;
        for (axis, a, b, c) in self.runs() {
            let (a, b) = (a?, b?);
            longest[axis] = longest[axis].max(chord(a, b));
            if let Some(c) = c {
                let c = c?;
                let second: Vector = std::array::from_fn(|k| a[k] - 2.0 * b[k] + c[k]);
                bend = bend.max(dot(second, second).sqrt());
            }
        }
        let pixel = (longest[0] / self.spacing[0]).max(longest[1] / self.spacing[1]);
        let longest = longest[0].max(longest[1]);
        let regular = bend <= 0.3 * longest + 1e-14 && longest < 0.5;
        // Bilinear interpolation departs by at most an eighth of the second difference in each direction.
        regular.then_some(bend + slack * pixel)
    }
}

/// Where an image lies on the sky: a cap around it all, and caps around its parts, which together contain it.
#[derive(Clone, Debug)]
pub(crate) struct Extent {
    pub(crate) all: Cap,
    pub(crate) parts: Vec<Cap>,
}

/// Most parts that an image is described by.
const PARTS: usize = 64;

impl Extent {
    /// Of an image of shape (ny, nx), outer half pixels and `pad` pixels around included. `None` if no position in it has a direction.
    pub(crate) fn of_image(sky: &impl Fn(f64, f64) -> Option<Vector>, shape: [usize; 2], pad: f64) -> Option<Extent> {
        let block = [[-0.5 - pad, shape[1] as f64 - 0.5 + pad], [-0.5 - pad, shape[0] as f64 - 0.5 + pad]];
        if shape.contains(&0) {
            return None;
        }
        if !block.as_flattened().iter().all(|edge| edge.is_finite()) {
            return Some(Extent { all: Cap::WHOLE, parts: vec![Cap::WHOLE] });
        }
        let samples = Lattice::new(sky, block, [CELLS; 2]);
        let mut parts = Vec::new();
        if let Some(margin) = samples.margin(SLACK) {
            for k in 0..CELLS * CELLS {
                let first = k / CELLS * samples.width + k % CELLS;
                let corners = [first, first + 1, first + samples.width, first + samples.width + 1];
                parts.extend(Cap::around(corners.iter().filter_map(|&c| samples.points[c]), margin));
            }
        } else {
            let finest = (shape[0].max(shape[1]) as f64 / 64.0).max(16.0);
            let mut caps = Caps { sky, finest, budget: 300_000, found: Vec::new() };
            caps.cover(block);
            parts = caps.found;
            // The caps come block by block, so that neighbours in the list are neighbours on the sky.
            let run = parts.len().div_ceil(PARTS).max(1);
            parts = parts.chunks(run).filter_map(|run| Cap::hull(run.iter().copied(), 0.0)).collect();
        }
        Some(Extent { all: Cap::hull(parts.iter().copied(), 0.0)?, parts })
    }

    pub(crate) fn meets(&self, cap: &Cap) -> bool {
        self.all.meets(cap) && self.parts.iter().any(|part| part.meets(cap))
    }
}
