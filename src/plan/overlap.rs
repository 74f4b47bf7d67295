//! Which tiles of the output an input touches, and the rectangles around them.

use super::bounds::{Block, Caps, Extent, regular_cap};
use crate::direction::Cap;
use crate::error::Error;
use crate::map::{CoordGrid, PixelMap};
use crate::options::CoordinateError;
use crate::wcs::{Frame, Wcs};
use crate::window::{Tiles, Window};
use std::{collections::BTreeMap, sync::OnceLock};

/// A quadtree of the tiles of the output, with caps on the sky that contain their pixels. Nodes are made and caps computed when they are first needed:
/// regions far from all inputs need the caps of a few large nodes only, and no memory.
pub(crate) struct TileTree<'t> {
    tiles: Tiles,
    target: &'t Wcs,
    /// Levels above the tiles.
    depth: u32,
    root: Node,
}

/// Tiles, or 2 × 2 nodes of the level below.
#[derive(Default)]
struct Node {
    /// `None` if no position in the node has a direction on the sky.
    cap: OnceLock<Option<Cap>>,
    children: OnceLock<Box<[Node; 4]>>,
}

/// Which node of the tree: how many levels above the tiles, column and row in its level.
#[derive(Clone, Copy)]
struct Place {
    height: u32,
    column: usize,
    row: usize,
}

impl<'t> TileTree<'t> {
    pub(crate) fn new(target: &'t Wcs, tiles: Tiles) -> TileTree<'t> {
        let longest = tiles.columns().max(tiles.rows()).max(1);
        TileTree { tiles, target, depth: longest.next_power_of_two().trailing_zeros(), root: Node::default() }
    }

    fn cap(&self, node: &Node, place: Place) -> Option<Cap> {
        *node.cap.get_or_init(|| {
            let (block, sky) = (self.block(place), |x: f64, y: f64| self.target.pixel_to_vector(x, y));
            if self.target.is_off_sky(block) {
                return None;
            }
            if let Some(cap) = self.target.cap_in_cell(block) {
                return regular_cap(&sky, block).filter(|found| found.cos_radius > cap.cos_radius).or(Some(cap));
            }
            if place.height == 0 {
                let mut caps = Caps { sky: &sky, finest: 16.0, budget: 40_000, found: Vec::new() };
                caps.cover(block);
                return Cap::hull(caps.found.iter().copied(), 0.0);
            }
            regular_cap(&sky, block).or_else(|| {
                let children: Vec<Cap> =
                    self.children(node, place).filter_map(|(child, place)| self.cap(child, place)).collect();
                Cap::hull(children.iter().copied(), 0.0)
            })
        })
    }

    /// The pixels of a node, up to their edges.
    fn block(&self, Place { height, column, row }: Place) -> Block {
        let tile = |column: usize, row: usize| self.tiles.window(row * self.tiles.columns() + column);
        let last = |first: usize, n: usize| (((first + 1) << height) - 1).min(n - 1);
        let low = tile(column << height, row << height);
        low.hull(&tile(last(column, self.tiles.columns()), last(row, self.tiles.rows()))).edges()
    }

    /// The nodes of the level below a node.
    fn children<'n>(&self, node: &'n Node, place: Place) -> impl Iterator<Item = (&'n Node, Place)> + use<'n> {
        let height = place.height - 1;
        let (columns, rows) = (self.tiles.columns(), self.tiles.rows());
        let nodes = node.children.get_or_init(Default::default).iter();
        nodes.enumerate().filter_map(move |(k, node)| {
            let (column, row) = (2 * place.column + k % 2, 2 * place.row + k / 2);
            let there = (column << height) < columns && (row << height) < rows;
            there.then_some((node, Place { height, column, row }))
        })
    }

    /// All tiles that the extent may touch, and possibly more, in order.
    pub(crate) fn touched(&self, extent: &Extent) -> Vec<usize> {
        self.tiles_where(|node, place| self.cap(node, place).is_some_and(|cap| extent.meets(&cap)))
    }

    /// All tiles with a place on the sky: the touched ones of an input whose own place is unknown.
    pub(crate) fn all(&self) -> Vec<usize> {
        self.tiles_where(|_, place| !self.target.is_off_sky(self.block(place)))
    }

    /// The tiles, in order, for which, as for all nodes above them, something holds.
    fn tiles_where(&self, holds: impl Fn(&Node, Place) -> bool) -> Vec<usize> {
        let mut found = Vec::new();
        let mut waiting = vec![(&self.root, Place { height: self.depth, column: 0, row: 0 })];
        while let Some((node, place)) = waiting.pop() {
            if !holds(node, place) {
                continue;
            }
            if place.height == 0 {
                found.push(place.row * self.tiles.columns() + place.column);
            } else {
                waiting.extend(self.children(node, place));
            }
        }
        found.sort_unstable();
        found
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
    touched: &[usize],
    input_shape: [usize; 2],
    pad: f64,
) -> Vec<Window> {
    groups(tiles, touched).iter().filter_map(|group| rectangle(map, tiles, group, input_shape, pad)).collect()
}

/// The rectangle of one group. It proceeds inwards from the four sides of the group, so that inner tiles are not evaluated.
fn rectangle(map: &dyn PixelMap, tiles: &Tiles, group: &[usize], input_shape: [usize; 2], pad: f64) -> Option<Window> {
    let mut known: BTreeMap<usize, Option<Window>> = BTreeMap::new();
    let mut sides = [None; 4];
    for (side, found) in sides.iter_mut().enumerate() {
        let across = |tile: usize| {
            let (column, row) = tiles.place(tile);
            if side < 2 { column } else { row }
        };
        let mut ordered: Vec<(usize, usize)> = group.iter().map(|&tile| (across(tile), tile)).collect();
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
                    CoordGrid::new(map, tiles.window(tile), 0, bound, input_shape, pad).covered()
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
) -> Vec<usize> {
    let pieces = Tiles::new(whole, PIECE);
    let mut touched = std::collections::BTreeSet::new();
    for piece in (0..pieces.count()).map(|piece| pieces.window(piece)) {
        let bound = CoordinateError::Pixels(0.1);
        let grid = CoordGrid::new(map, piece, 0, bound, input_shape, pad(piece));
        for tile in tiles.at(piece) {
            let part = tiles.window(tile).intersection(&piece);
            if part.is_some_and(|part| grid.covered_part(part).is_some()) {
                touched.insert(tile);
            }
        }
    }
    touched.into_iter().collect()
}

/// Connected groups of tiles, corners counting as contact, each in order, by their first tile.
fn groups(tiles: &Tiles, touched: &[usize]) -> Vec<Vec<usize>> {
    let mut left: std::collections::BTreeSet<usize> = touched.iter().copied().collect();
    let mut groups = Vec::new();
    while let Some(first) = left.pop_first() {
        let mut group = vec![first];
        let mut next = 0;
        while let Some(&tile) = group.get(next) {
            next += 1;
            for neighbour in tiles.neighbours(tile) {
                if left.remove(&neighbour) {
                    group.push(neighbour);
                }
            }
        }
        group.sort_unstable();
        groups.push(group);
    }
    groups
}
