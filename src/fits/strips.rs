//! Tiles put together until they make strips that are worth a write.
//!
//! Writing 256² tiles row by row takes the system four times as long as writing what lies together in pieces of a megabyte. So the tiles of one row of tiles
//! are kept until a strip of them, as wide as the memory allows, is complete; whoever brings its last tile writes it.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use ndarray::ArrayView2;

use super::element::FitsElement;
use crate::{
    sink::{SinkLayout, rows},
    window::Window,
};

/// Bytes that strips may take together where there is memory enough.
const MOST: u64 = 128 << 20;
/// Bytes that are put in FITS byte order and written at once: small enough for the cache.
pub(super) const PER_WRITE: usize = 1 << 20;

/// The tiles of a run, in strips.
#[derive(Debug)]
pub(super) struct Strips<E> {
    strips: Vec<Strip>,
    /// Of each tile, its strip and its place in it.
    places: Vec<(usize, usize)>,
    /// Strips of a plane of which a part has come.
    unfinished: Mutex<HashMap<(usize, usize), Unfinished<E>>>,
    /// Memory of tiles that have been written.
    spare: Mutex<Vec<Vec<E>>>,
    /// Strips that are not complete yet, of all planes.
    left: AtomicUsize,
    /// Bytes that a writer may take to put rows together.
    pub(super) per_write: usize,
    /// Whether there are only zeros where a strip is written.
    pub(super) onto_zeros: bool,
}

/// Tiles of the same rows, one beside the other.
#[derive(Clone, Copy, Debug)]
struct Strip {
    window: Window,
    tiles: usize,
}

#[derive(Debug)]
struct Unfinished<E> {
    pieces: Vec<Option<Piece<E>>>,
    missing: usize,
}

/// The pixels of one tile of a strip.
#[derive(Clone, Debug)]
pub(super) struct Piece<E> {
    pub(super) nx: usize,
    pub(super) pixels: Pixels<E>,
}

#[derive(Clone, Debug)]
pub(super) enum Pixels<E> {
    /// All pixels are this number, to the bit.
    Same(E),
    /// Row by row.
    All(Vec<E>),
}

impl<E: FitsElement> Piece<E> {
    /// Whether all bytes are zero.
    pub(super) fn is_zero(&self) -> bool {
        matches!(self.pixels, Pixels::Same(number) if E::all_are(&[number], E::default()))
    }

    pub(super) fn is_constant(&self) -> bool {
        matches!(self.pixels, Pixels::Same(_))
    }

    /// Writes a row in FITS byte order.
    pub(super) fn to_fits(&self, row: usize, bytes: &mut [u8]) {
        match &self.pixels {
            Pixels::All(pixels) => {
                E::to_fits(pixels.get(row * self.nx..(row + 1) * self.nx).unwrap_or_default(), bytes)
            }
            Pixels::Same(number) => {
                let some = [*number; 64];
                let part = some.len() * size_of::<E>();
                bytes.chunks_mut(part).for_each(|to| E::to_fits(&some, to));
            }
        }
    }
}

/// A strip of which all tiles have come.
#[derive(Debug)]
pub(super) struct Complete<E> {
    pub(super) plane: usize,
    pub(super) window: Window,
    pub(super) pieces: Vec<Piece<E>>,
}

impl<E: FitsElement> Strips<E> {
    /// Strips for tiles of so many planes of a file, as wide as `layout` leaves memory for, and the most bytes that they take.
    pub(super) fn new(layout: &SinkLayout<'_>, planes: usize, onto_zeros: bool) -> (Strips<E>, u64) {
        let budget = (layout.available / 4).min(MOST);
        let widest = layout.tiles.iter().map(|tile| tile.nx).max().unwrap_or(1);
        let mut columns = layout.window.nx;
        loop {
            let (strips, places) = cut(layout.tiles, columns);
            let row = strips.iter().map(|strip| strip.window.nx).max().unwrap_or(0) * size_of::<E>();
            let per_write = (budget / 4 / layout.threads.max(1) as u64).min(PER_WRITE as u64).max(row as u64);
            let strip = strips.iter().map(|strip| strip.window.area()).max().unwrap_or(0) * size_of::<E>();
            let unfinished = most_unfinished(&strips, &places, planes, layout);
            let bytes = (unfinished as u64)
                .saturating_mul(strip as u64)
                .saturating_add(per_write.saturating_mul(layout.threads as u64));
            if bytes <= budget || columns <= widest {
                let left = strips.len() * planes;
                let strips = Strips {
                    strips,
                    places,
                    unfinished: Mutex::default(),
                    spare: Mutex::default(),
                    left: AtomicUsize::new(left),
                    per_write: per_write as usize,
                    onto_zeros,
                };
                return (strips, bytes);
            }
            columns /= 2;
        }
    }

    /// Takes a tile of a plane; returns its strip if it is the last of it.
    pub(super) fn put(&self, plane: usize, tile: usize, view: &ArrayView2<'_, E>) -> Option<Complete<E>> {
        let (strip, place) = *self.places.get(tile)?;
        let Strip { window, tiles } = *self.strips.get(strip)?;
        let piece = self.piece(view);
        if tiles == 1 {
            self.left.fetch_sub(1, Ordering::Relaxed);
            return Some(Complete { plane, window, pieces: vec![piece] });
        }
        let mut unfinished = self.unfinished();
        let state = unfinished
            .entry((plane, strip))
            .or_insert_with(|| Unfinished { pieces: vec![None; tiles], missing: tiles });
        if let Some(empty) = state.pieces.get_mut(place).filter(|piece| piece.is_none()) {
            *empty = Some(piece);
            state.missing -= 1;
        }
        if state.missing > 0 {
            return None;
        }
        let pieces = unfinished.remove(&(plane, strip))?.pieces;
        self.left.fetch_sub(1, Ordering::Relaxed);
        Some(Complete { plane, window, pieces: pieces.into_iter().flatten().collect() })
    }

    fn piece(&self, view: &ArrayView2<'_, E>) -> Piece<E> {
        let nx = view.ncols();
        let first = view.first().copied().unwrap_or_default();
        if rows(view).all(|row| E::all_are(&row, first)) {
            return Piece { nx, pixels: Pixels::Same(first) };
        }
        let mut pixels = self.spare().pop().unwrap_or_default();
        pixels.clear();
        pixels.reserve_exact(view.len());
        rows(view).for_each(|row| pixels.extend_from_slice(&row));
        Piece { nx, pixels: Pixels::All(pixels) }
    }

    /// Takes the memory of a strip that has been written back.
    pub(super) fn recycle(&self, strip: Complete<E>) {
        let vectors = strip.pieces.into_iter().filter_map(|piece| match piece.pixels {
            Pixels::All(pixels) => Some(pixels),
            Pixels::Same(_) => None,
        });
        self.spare().extend(vectors);
    }

    /// Strips that are not complete yet.
    pub(super) fn left(&self) -> usize {
        self.left.load(Ordering::Relaxed)
    }

    fn unfinished(&self) -> MutexGuard<'_, HashMap<(usize, usize), Unfinished<E>>> {
        self.unfinished.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spare(&self) -> MutexGuard<'_, Vec<Vec<E>>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Strips of at most so many columns, but at least one tile; and of each tile its strip and its place in it.
fn cut(tiles: &[Window], columns: usize) -> (Vec<Strip>, Vec<(usize, usize)>) {
    let mut order: Vec<usize> = (0..tiles.len()).collect();
    order.sort_unstable_by_key(|tile| (tiles[*tile].y0, tiles[*tile].x0));
    let mut strips: Vec<Strip> = Vec::new();
    let mut places = vec![(0, 0); tiles.len()];
    for number in order {
        let tile = tiles[number];
        match strips.last_mut() {
            Some(Strip { window, tiles })
                if (window.y0, window.ny, window.x0 + window.nx) == (tile.y0, tile.ny, tile.x0)
                    && window.nx + tile.nx <= columns =>
            {
                window.nx += tile.nx;
                *tiles += 1;
            }
            _ => strips.push(Strip { window: tile, tiles: 1 }),
        }
        places[number] = (strips.len() - 1, strips.last().map_or(0, |strip| strip.tiles - 1));
    }
    (strips, places)
}

/// How many strips of a plane may be unfinished at once: those that lie on both sides of the line between tiles done and tiles to do, in every plane, and one
/// for each plane of the tile that a thread works on.
fn most_unfinished(strips: &[Strip], places: &[(usize, usize)], planes: usize, layout: &SinkLayout<'_>) -> usize {
    let mut left: Vec<usize> = strips.iter().map(|strip| strip.tiles).collect();
    let (mut open, mut most) = (0, 0);
    for (strip, _) in places {
        let begins = left[*strip] == strips[*strip].tiles;
        left[*strip] -= 1;
        match (begins, left[*strip] == 0) {
            (true, false) => open += 1,
            (false, true) => open -= 1,
            _ => {}
        }
        most = most.max(open);
    }
    let of_threads = layout.threads * layout.planes_at_once * (planes / layout.planes.max(1)).max(1);
    most * planes + if most > 0 { of_threads } else { layout.threads }
}
