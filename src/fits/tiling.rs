//! How an image is tile-compressed, as the header of the table of its tiles has it.

use std::ops::Range;

use super::grid::{Block, BlockGrid};
use crate::{
    PixelType,
    header::{Header, Value, is_numbered, is_tiling},
};

/// Rows of pixels of which a block is made at least, if tiles are rows.
const BLOCK_ROWS: usize = 64;
/// Pixels above which a block of tiles has only a part of the image's columns.
const WIDE: usize = 1 << 19;
/// Pixels above which a block is never dropped while its image is in use.
const LARGE: usize = 1 << 22;

/// How an image is compressed: the tiles, and the table that they are in.
#[derive(Debug)]
pub(super) struct Tiling {
    /// The cards of the table's header that describe compression and columns, each keyword once.
    pub(super) cards: Header,
    pub(super) method: String,
    pub(super) row_bytes: usize,
    /// Rows of the table: a tile each.
    tiles: usize,
    pub(super) fields: usize,
    /// Where the heap begins in the data of the table, and how long the data is.
    pub(super) heap: u64,
    pub(super) bytes: u64,
    pub(super) columns: Vec<StreamColumn>,
    /// Lengths of the image and of a tile, first axis first.
    axes: Vec<(usize, usize)>,
    /// `ZDITHER0`.
    pub(super) dither: i64,
}

/// A column of descriptors of streams, which are in the heap.
#[derive(Clone, Copy, Debug)]
pub(super) struct StreamColumn {
    /// Where in a row the descriptor is.
    pub(super) at: usize,
    /// Of 64-bit numbers (`Q`) rather than 32-bit ones (`P`).
    wide: bool,
    /// Bytes of an element of a stream.
    pub(super) element: usize,
    pub(super) content: Content,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// What the method has made of the tile.
    Compressed,
    /// The pixels of a tile that could not be quantised, in gzip's format.
    Gzipped,
    /// The pixels of such a tile as they are.
    Uncompressed,
    /// Nothing of the image.
    Other,
}

/// Some tiles of an image that follow each other in the table and make up an image of their own.
pub(super) struct Part {
    /// Where it begins in the image.
    pub(super) plane: usize,
    pub(super) y: usize,
    pub(super) tiles: Range<usize>,
    /// Lengths of its axes, first axis first.
    pub(super) lengths: Vec<usize>,
}

impl Part {
    /// Rows of a plane.
    pub(super) fn height(&self) -> usize {
        self.lengths.get(1).copied().unwrap_or(1)
    }

    /// Rows of all planes together.
    pub(super) fn rows(&self) -> usize {
        self.lengths.iter().skip(1).product()
    }
}

fn number<N: TryFrom<i64>>(header: &Header, keyword: &str) -> Option<N> {
    header.i64(keyword).ok()?.and_then(|number| number.try_into().ok())
}

impl Tiling {
    /// From the header of the table.
    pub(super) fn new(header: &Header, shape: &[usize]) -> Result<Tiling, String> {
        let problem = "corrupt compressed data: the table of tiles contradicts itself";
        Tiling::consistent(header, shape).ok_or_else(|| problem.to_owned())
    }

    fn consistent(header: &Header, shape: &[usize]) -> Option<Tiling> {
        let method = header.text("ZCMPTYPE").ok()??.to_owned();
        let (row_bytes, tiles) = (number::<usize>(header, "NAXIS1")?, number::<usize>(header, "NAXIS2")?);
        let fixed = (row_bytes as u64).checked_mul(tiles as u64)?;
        let heap = if header.get("THEAP").is_some() { number(header, "THEAP")? } else { fixed };
        let bytes = fixed.checked_add(number(header, "PCOUNT")?)?;
        let axes = shape.iter().rev().enumerate().map(|(index, &length)| {
            let default = if index == 0 { length } else { 1 };
            (length, number(header, &format!("ZTILE{}", index + 1)).unwrap_or(default).max(1))
        });
        let axes: Vec<(usize, usize)> = axes.collect();
        let expected = axes.iter().try_fold(1_usize, |all, (length, tile)| all.checked_mul(length.div_ceil(*tile)))?;
        let (columns, end, fields) = stream_columns(header, &method)?;
        let within = end == row_bytes && heap >= fixed && heap <= bytes && tiles == expected;
        let mut cards = Header::new();
        let wanted = |keyword: &str| {
            let is_column = is_numbered(keyword, "TTYPE") || is_numbered(keyword, "TFORM");
            is_column || is_tiling(keyword) || matches!(keyword, "BLANK" | "BZERO")
        };
        for (keyword, value, _) in header.cards() {
            if wanted(keyword) && *value != Value::Undefined && cards.get(keyword).is_none() {
                cards.set(keyword, value.clone(), "");
            }
        }
        let dither = number(header, "ZDITHER0").unwrap_or(1);
        within.then_some(Tiling { cards, method, row_bytes, tiles, fields, heap, bytes, columns, axes, dither })
    }

    /// Bytes of the data of the table.
    #[cfg(feature = "gzip")]
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn axis(&self, index: usize) -> (usize, usize) {
        self.axes.get(index).copied().unwrap_or((1, 1))
    }

    /// Planes of a tile.
    fn depth(&self) -> usize {
        let (planes, depth) = self.axis(2);
        depth.min(planes)
    }

    /// Whether the planes of a block of whole tiles follow each other in the image.
    fn is_regular(&self) -> bool {
        let planes = self.axis(2).0;
        let others = || self.axes.iter().skip(3);
        let flat = others().all(|(length, tile)| *length == 1 || *tile == 1);
        flat && (planes.is_multiple_of(self.depth()) || others().all(|(length, _)| *length == 1))
    }

    /// How the image is cut into blocks that can be decoded by themselves.
    pub(super) fn grid(&self, pixel_type: PixelType) -> BlockGrid {
        let [(nx, tile_nx), (ny, tile_ny)] = [self.axis(0), self.axis(1)];
        let planes = self.axes.iter().skip(2).map(|(length, _)| length).product();
        let (tile_nx, tile_ny) = (tile_nx.min(nx), tile_ny.min(ny));
        let mut block = [planes, ny, nx];
        if self.is_regular() {
            let depth = self.depth();
            let rows = if depth > 1 { tile_ny } else { BLOCK_ROWS.max(tile_ny).next_multiple_of(tile_ny).min(ny) };
            let narrow = rows == tile_ny && depth == 1 && rows * nx > WIDE;
            let columns = if narrow { (WIDE / rows).max(tile_nx).next_multiple_of(tile_nx).min(nx) } else { nx };
            block = [depth, rows, columns];
        }
        let pixels: usize = block.iter().product();
        // Streams, a strip of numbers, and what cfitsio keeps: a row of tiles, and of one tile what it is made from.
        let (row, tile) = (block[0] * tile_ny * block[2], block[0] * tile_ny * tile_nx);
        let numbers = pixels.saturating_add(row.saturating_mul(2)).saturating_add(tile.saturating_mul(4));
        let scratch = numbers.saturating_mul(pixel_type.size()).saturating_add(1 << 18);
        BlockGrid { shape: [planes, ny, nx], block, keep: pixels > LARGE, scratch }
    }

    /// The parts in which a block, which is one of the grid or the whole image, is decoded.
    pub(super) fn parts(&self, block: &Block) -> Vec<Part> {
        if !self.is_regular() {
            let lengths = self.axes.iter().map(|(length, _)| *length).collect();
            return vec![Part { plane: 0, y: 0, tiles: 0..self.tiles, lengths }];
        }
        let [(nx, tile_nx), (ny, tile_ny), (nz, _)] = [0, 1, 2].map(|axis| self.axis(axis));
        let (depth, window) = (self.depth(), block.window);
        let [across, down, layers] = [nx.div_ceil(tile_nx), ny.div_ceil(tile_ny), nz.div_ceil(depth)];
        let width = window.nx.div_ceil(tile_nx);
        let tall = if depth > 1 || width < across { tile_ny } else { BLOCK_ROWS.next_multiple_of(tile_ny) };
        let mut parts = Vec::new();
        let mut plane = block.planes.start;
        while plane < block.planes.end {
            let deep = depth.min(nz - plane % nz);
            let layer = plane / nz * layers + plane % nz / depth;
            for y in (window.y0..window.y0 + window.ny).step_by(tall) {
                let height = tall.min(window.y0 + window.ny - y);
                let first = (layer * down + y / tile_ny) * across + window.x0 / tile_nx;
                let mut lengths = vec![window.nx, height, deep];
                lengths.resize(self.axes.len(), 1);
                parts.push(Part { plane, y, tiles: first..first + width * height.div_ceil(tile_ny), lengths });
            }
            plane += deep;
        }
        parts
    }

    /// Rows of a part that are decoded together, so that no tile is decoded twice.
    pub(super) fn strip(&self, part: &Part) -> usize {
        if part.height() != part.rows() {
            return part.rows();
        }
        let nx = part.lengths.first().copied().unwrap_or(1);
        (1_usize << 15).div_ceil(nx.max(1)).next_multiple_of(self.axis(1).1).min(part.rows())
    }

    /// Pixels of a tile: fewer at the far edges of the image. Tiles are counted as pixels are, the first axis fastest.
    pub(super) fn tile_pixels(&self, tile: usize) -> usize {
        let mut rest = tile;
        let sides = self.axes.iter().map(|(length, size)| {
            let tiles = length.div_ceil(*size).max(1);
            let begin = (rest % tiles).saturating_mul(*size);
            rest /= tiles;
            (*size).min(length.saturating_sub(begin))
        });
        sides.fold(1, usize::saturating_mul)
    }
}

/// The columns of descriptors, the bytes of a row, and the number of columns.
fn stream_columns(header: &Header, method: &str) -> Option<(Vec<StreamColumn>, usize, usize)> {
    let fields = number::<usize>(header, "TFIELDS").filter(|fields| (1..=999).contains(fields))?;
    let mut columns: Vec<StreamColumn> = Vec::new();
    let mut end = 0_usize;
    for index in 1..=fields {
        let form = header.text(&format!("TFORM{index}")).ok()??.trim();
        let digits = form.bytes().take_while(u8::is_ascii_digit).count();
        let (repeat, code) = form.split_at_checked(digits)?;
        let repeat = if repeat.is_empty() { 1 } else { repeat.parse::<usize>().ok()? };
        let mut letters = code.chars();
        let (letter, element) = (letters.next()?, letters.next());
        let name = header.text(&format!("TTYPE{index}")).ok().flatten().unwrap_or_default();
        let content = match name.trim().to_ascii_uppercase().as_str() {
            "COMPRESSED_DATA" => Content::Compressed,
            "GZIP_COMPRESSED_DATA" => Content::Gzipped,
            "UNCOMPRESSED_DATA" => Content::Uncompressed,
            _ => Content::Other,
        };
        // cfitsio takes the first of that name.
        let first = content != Content::Other && !columns.iter().any(|column| column.content == content);
        let element = match (content, element, method) {
            _ if !first => 1,
            (Content::Compressed, Some('I'), "PLIO_1") => 2,
            (Content::Compressed, Some('B'), method) if method != "PLIO_1" => 1,
            (Content::Gzipped, Some('B'), _) => 1,
            (Content::Uncompressed, Some('B'), _) => 1,
            (Content::Uncompressed, Some('I'), _) => 2,
            (Content::Uncompressed, Some('J' | 'E'), _) => 4,
            (Content::Uncompressed, Some('K' | 'D'), _) => 8,
            _ => return None,
        };
        let content = if first { content } else { Content::Other };
        match (letter, repeat) {
            ('P' | 'Q', 1) => columns.push(StreamColumn { at: end, wide: letter == 'Q', element, content }),
            _ if first => return None,
            _ => {}
        }
        let width = match letter {
            'L' | 'B' | 'A' => repeat,
            'X' => repeat.div_ceil(8),
            'I' => repeat.checked_mul(2)?,
            'J' | 'E' => repeat.checked_mul(4)?,
            'K' | 'D' | 'C' | 'P' => repeat.checked_mul(8)?,
            'M' | 'Q' => repeat.checked_mul(16)?,
            _ => return None,
        };
        end = end.checked_add(width)?;
    }
    let any = columns.iter().any(|column| column.content == Content::Compressed);
    any.then_some((columns, end, fields))
}

impl StreamColumn {
    /// Elements of a stream, and where it begins in the heap.
    pub(super) fn descriptor(&self, rows: &[u8], cell: usize) -> Option<(usize, u64)> {
        let bytes = rows.get(cell..)?;
        if self.wide {
            let ([count, first, ..], _) = bytes.as_chunks() else { return None };
            Some((i64::from_be_bytes(*count).try_into().ok()?, i64::from_be_bytes(*first).try_into().ok()?))
        } else {
            let ([count, first, ..], _) = bytes.as_chunks() else { return None };
            Some((i32::from_be_bytes(*count).try_into().ok()?, i32::from_be_bytes(*first).try_into().ok()?))
        }
    }

    pub(super) fn describe(&self, rows: &mut [u8], cell: usize, count: usize, first: usize) -> Option<()> {
        let bytes = rows.get_mut(cell..)?;
        if self.wide {
            let numbers = [i64::try_from(count).ok()?.to_be_bytes(), i64::try_from(first).ok()?.to_be_bytes()];
            bytes.get_mut(..16)?.copy_from_slice(numbers.as_flattened());
        } else {
            let numbers = [i32::try_from(count).ok()?.to_be_bytes(), i32::try_from(first).ok()?.to_be_bytes()];
            bytes.get_mut(..8)?.copy_from_slice(numbers.as_flattened());
        }
        Some(())
    }
}
