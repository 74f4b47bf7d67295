//! Which tiles of the output an input touches, and the rectangles around them.

use super::bounds::{Block, Caps, Extent, regular_cap};
use crate::direction::{Cap, Vector};
use crate::error::Error;
use crate::map::{CoordGrid, PixelMap};
use crate::options::CoordinateError;
use crate::wcs::{Frame, Wcs};
use crate::window::{Tiles, Window};
use std::{collections::BTreeMap, sync::OnceLock};

/// A quadtree of the tiles of the output, with caps on the sky that contain their pixels. Caps are computed when they are first needed; regions far
/// from all inputs need the caps of a few large nodes only.
pub(crate) struct TileTree<S> {
    tiles: Tiles,
    /// Unit vector of a position of the output.
    sky: S,
    /// From the tiles up: each level has a node for every 2 × 2 of the one below, the last has one.
    levels: Vec<Level>,
}

struct Level {
    columns: usize,
    /// `None` if no position in the node has a direction on the sky.
    caps: Vec<OnceLock<Option<Cap>>>,
}

impl<S: Fn(f64, f64) -> Option<Vector>> TileTree<S> {
    pub(crate) fn new(sky: S, tiles: Tiles) -> TileTree<S> {
        let level = |columns: usize, count: usize| Level { columns, caps: vec![OnceLock::new(); count] };
        let mut levels = vec![level(tiles.columns(), tiles.count())];
        while let Some(below) = levels.last().filter(|level| level.caps.len() > 1) {
            let (columns, rows) = (below.columns.div_ceil(2), (below.caps.len() / below.columns).div_ceil(2));
            levels.push(level(columns, columns * rows));
        }
        TileTree { tiles, sky, levels }
    }

    fn cap(&self, depth: usize, node: usize) -> Option<Cap> {
        let level = self.levels.get(depth)?;
        *level.caps.get(node)?.get_or_init(|| {
            let block = self.block(depth, node);
            if depth == 0 {
                let mut caps = Caps { sky: &self.sky, finest: 16.0, budget: 40_000, found: Vec::new() };
                caps.cover(block);
                return Cap::hull(caps.found.iter().copied(), 0.0);
            }
            regular_cap(&self.sky, block).or_else(|| {
                let children: Vec<Cap> =
                    self.children(depth, node).filter_map(|child| self.cap(depth - 1, child)).collect();
                Cap::hull(children.iter().copied(), 0.0)
            })
        })
    }

    /// The pixels of a node, up to their edges.
    fn block(&self, depth: usize, node: usize) -> Block {
        let columns = self.levels[depth].columns;
        let (column, row) = ((node % columns) << depth, (node / columns) << depth);
        let last = |first: usize, n: usize| (first + (1 << depth)).min(n) - 1;
        let rows = self.tiles.count() / self.tiles.columns();
        let low = self.tiles.window(row * self.tiles.columns() + column);
        let high = self.tiles.window(last(row, rows) * self.tiles.columns() + last(column, self.tiles.columns()));
        low.hull(&high).edges()
    }

    /// The nodes of the level below a node.
    fn children(&self, depth: usize, node: usize) -> impl Iterator<Item = usize> + use<S> {
        let (columns, below) = (self.levels[depth].columns, &self.levels[depth - 1]);
        let (width, n) = (below.columns, below.caps.len());
        let (column, row) = (node % columns, node / columns);
        [(0, 0), (1, 0), (0, 1), (1, 1)].into_iter().filter_map(move |(i, j)| {
            let (x, y) = (2 * column + i, 2 * row + j);
            (x < width && y * width < n).then_some(y * width + x)
        })
    }

    /// All tiles that the extent may touch, and possibly more, in order.
    pub(crate) fn touched(&self, extent: &Extent) -> Vec<u32> {
        let mut found = Vec::new();
        let mut waiting = vec![(self.levels.len() - 1, 0)];
        while let Some((depth, node)) = waiting.pop() {
            if !self.cap(depth, node).is_some_and(|cap| extent.meets(&cap)) {
                continue;
            }
            if depth == 0 {
                found.push(node as u32);
            } else {
                waiting.extend(self.children(depth, node).map(|child| (depth - 1, child)));
            }
        }
        found.sort_unstable();
        found
    }

    /// All tiles: the touched ones of an input whose position on the sky is unknown.
    pub(crate) fn all(&self) -> Vec<u32> {
        (0..self.tiles.count() as u32).collect()
    }
}

/// Where an image of shape (ny, nx), with `pad` pixels around, lies in another frame. `None` if no position in it lies on the sky.
///
/// # Errors
/// [`Error::Wcs`] if the two frames have no known relation.
pub(crate) fn extent_of_wcs(input: &Wcs, shape: [usize; 2], pad: f64, frame: &Frame) -> Result<Option<Extent>, Error> {
    let input = &input.unwrapped().unwrap_or_else(|| input.clone());
    let frames = input.frame().to(frame)?;
    Ok(Extent::of_image(&|x, y| Some(frames.apply(input.pixel_to_vector(x, y)?)), shape, pad))
}

/// The sub-grids of an input: for every connected group of touched tiles, the rectangle of output pixels that contains all pixels whose input
/// coordinates lie within `pad` of the input of shape (ny, nx). It is at most 8 pixels too large on each side where the map is nearly linear. A
/// group without such pixels has no rectangle.
pub(crate) fn rectangles(
    map: &dyn PixelMap,
    tiles: &Tiles,
    touched: &[u32],
    input_shape: [usize; 2],
    pad: f64,
) -> Vec<Window> {
    groups(tiles, touched).iter().filter_map(|group| rectangle(map, tiles, group, input_shape, pad)).collect()
}

/// The rectangle of one group. It proceeds inwards from the four sides of the group, so that inner tiles are not evaluated.
fn rectangle(map: &dyn PixelMap, tiles: &Tiles, group: &[u32], input_shape: [usize; 2], pad: f64) -> Option<Window> {
    let mut known: BTreeMap<u32, Option<Window>> = BTreeMap::new();
    let mut sides = [None; 4];
    for (side, found) in sides.iter_mut().enumerate() {
        let across = |tile: u32| {
            let (column, row) = tiles.place(tile as usize);
            if side < 2 { column } else { row }
        };
        let mut ordered: Vec<(usize, u32)> = group.iter().map(|&tile| (across(tile), tile)).collect();
        ordered.sort_unstable();
        let mut lines: Vec<_> = ordered.chunk_by(|a, b| a.0 == b.0).collect();
        if side % 2 == 1 {
            lines.reverse();
        }
        *found = lines.iter().find_map(|line| {
            let windows = line.iter().filter_map(|&(_, tile)| {
                *known.entry(tile).or_insert_with(|| {
                    // What is covered is enlarged by the error: a loose bound is as safe and needs fewer cells.
                    let bound = CoordinateError::Pixels(0.1);
                    CoordGrid::new(map, tiles.window(tile as usize), 0, bound, input_shape, pad).covered()
                })
            });
            windows.reduce(|a, b| a.hull(&b))
        });
    }
    let [left, right, low, high] = [sides[0]?, sides[1]?, sides[2]?, sides[3]?];
    let (x0, y0) = (left.x0, low.y0);
    Some(Window { x0, y0, nx: right.x0 + right.nx - x0, ny: high.y0 + high.ny - y0 })
}

/// Side, in pixels, of the pieces of the output that share one grid: four of its largest cells.
const PIECE: usize = 2048;

/// The tiles in which an input that has a map but no WCS may have samples of an interpolating kernel. `pad` is the support radius of the kernel,
/// in input pixels, for a window of the output.
pub(crate) fn touched_by_map(
    map: &dyn PixelMap,
    tiles: &Tiles,
    whole: Window,
    input_shape: [usize; 2],
    pad: impl Fn(Window) -> f64,
) -> Vec<u32> {
    let pieces = Tiles::new(whole, PIECE);
    let mut touched = std::collections::BTreeSet::new();
    for piece in (0..pieces.count()).map(|piece| pieces.window(piece)) {
        let bound = CoordinateError::Pixels(0.1);
        let grid = CoordGrid::new(map, piece, 0, bound, input_shape, pad(piece));
        for tile in tiles.at(piece) {
            let part = tiles.window(tile).intersection(&piece);
            if part.is_some_and(|part| grid.covered_part(part).is_some()) {
                touched.insert(tile as u32);
            }
        }
    }
    touched.into_iter().collect()
}

/// Connected groups of tiles, corners counting as contact, each in order, by their first tile.
fn groups(tiles: &Tiles, touched: &[u32]) -> Vec<Vec<u32>> {
    let mut left: std::collections::BTreeSet<u32> = touched.iter().copied().collect();
    let mut groups = Vec::new();
    while let Some(first) = left.pop_first() {
        let mut group = vec![first];
        let mut next = 0;
        while let Some(&tile) = group.get(next) {
            next += 1;
            for neighbour in tiles.neighbours(tile as usize) {
                if left.remove(&(neighbour as u32)) {
                    group.push(neighbour as u32);
                }
            }
        }
        group.sort_unstable();
        groups.push(group);
    }
    groups
}
