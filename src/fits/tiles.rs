//! What must hold of a compressed image before cfitsio may see it.
//!
//! cfitsio 3.49 believes what headers say of a table, and what `HCOMPRESS_1` and `PLIO_1` streams say of themselves:
//! damaged ones make it read and write outside its memory. (RICE and gzip streams it checks.) So it is given a file
//! in memory with nothing but the image, whose header is written anew from what was checked here.

use super::read::FitsImage;
use crate::header::{Header, Value, is_numbered, is_tiling};
use crate::{Error, PixelType};

/// The table of tiles: which bytes of a row tell where the tile's stream is.
struct Table {
    row_bytes: usize,
    rows: usize,
    fields: usize,
    /// Where the heap begins, and where it ends.
    heap: usize,
    bytes: usize,
    /// Of the descriptor in a row.
    column: usize,
    /// Descriptors of 64-bit numbers (`Q`) rather than 32-bit ones (`P`).
    wide: bool,
    /// Of an element of a stream.
    element: usize,
}

/// A FITS file with the compressed image as HDU 1, safe to decode.
pub(super) fn safe(image: &FitsImage, file: &[u8]) -> Result<Vec<u8>, Error> {
    let (start, offset) = (image.start as usize, image.offset as usize);
    let header = file.get(start..offset).and_then(Header::parse_records);
    let header = header.ok_or_else(|| image.wrong("the header cannot be read again"))?;
    let method = header.text("ZCMPTYPE")?.unwrap_or_default();
    let damaged = |problem: &str| image.wrong(format!("corrupt compressed data: {problem}"));
    let table = Table::new(&header, method).ok_or_else(|| damaged("the table of tiles contradicts itself"))?;
    let data = file.get(offset..).and_then(|data| data.get(..table.bytes));
    let data = data.ok_or_else(|| damaged("the table is truncated"))?;
    let mut counts = Vec::new();
    let mut room = 0;
    for row in 0..table.rows {
        let at = row * table.row_bytes + table.column;
        let wrong = |problem: &str| damaged(&format!("tile {row}: {problem}"));
        let (count, first) = table.descriptor(data, at).ok_or_else(|| wrong("no such place in the table"))?;
        if count == 0 {
            // Stored in another way, in another column.
            continue;
        }
        let begin = table.heap.checked_add(first).ok_or_else(|| wrong("outside the table"))?;
        let stream = count.checked_mul(table.element).and_then(|length| data.get(begin..)?.get(..length));
        let stream = stream.ok_or_else(|| wrong("outside the table"))?;
        match method {
            "PLIO_1" => check_plio(stream).ok_or_else(|| wrong("not a PLIO line list"))?,
            "HCOMPRESS_1" => {
                let more = hcompress_room(stream, tile_pixels(&header, image.shape(), row), image.pixel_type)
                    .ok_or_else(|| wrong("not an HCOMPRESS stream of its size"))?;
                counts.push((at, count.saturating_add(more)));
                room = room.max(more);
            }
            _ => {}
        }
    }
    let mut safe = primary().to_records();
    safe.extend(table.header(&header, room).to_records());
    let begin = safe.len();
    safe.extend(data);
    for (at, count) in counts {
        let written = safe.get_mut(begin..).and_then(|data| table.set_count(data, at, count));
        written.ok_or_else(|| damaged("a tile is too large"))?;
    }
    // A damaged stream is read beyond its end: up to `room` bytes, into other tiles or these zeros.
    safe.resize((safe.len() + room).next_multiple_of(crate::header::BLOCK), 0);
    Ok(safe)
}

fn primary() -> Header {
    let mut header = Header::new();
    header.set("SIMPLE", true, "");
    header.set("BITPIX", 8, "");
    header.set("NAXIS", 0, "");
    header.set("EXTEND", true, "");
    header
}

fn number(header: &Header, keyword: &str) -> Option<usize> {
    header.i64(keyword).ok()?.and_then(|number| number.try_into().ok())
}

impl Table {
    fn new(header: &Header, method: &str) -> Option<Table> {
        let (row_bytes, rows) = (number(header, "NAXIS1")?, number(header, "NAXIS2")?);
        let fixed = row_bytes.checked_mul(rows)?;
        let heap = if header.get("THEAP").is_some() { number(header, "THEAP")? } else { fixed };
        let bytes = fixed.checked_add(number(header, "PCOUNT")?)?;
        let fields = number(header, "TFIELDS").filter(|fields| (1..=999).contains(fields))?;
        let mut streams = None;
        let mut end = 0_usize;
        for index in 1..=fields {
            let form = header.text(&format!("TFORM{index}")).ok()??.trim();
            let digits = form.bytes().take_while(u8::is_ascii_digit).count();
            let (repeat, code) = form.split_at_checked(digits)?;
            let repeat = if repeat.is_empty() { 1 } else { repeat.parse::<usize>().ok()? };
            let mut letters = code.chars();
            let (letter, element) = (letters.next()?, letters.next());
            let name = header.text(&format!("TTYPE{index}")).ok().flatten().unwrap_or_default();
            if name.trim().eq_ignore_ascii_case("COMPRESSED_DATA") && streams.is_none() {
                let wide = match letter {
                    'P' if repeat == 1 => false,
                    'Q' if repeat == 1 => true,
                    _ => return None,
                };
                let element = match (element?, method) {
                    ('I', "PLIO_1") => 2,
                    ('B', method) if method != "PLIO_1" => 1,
                    _ => return None,
                };
                streams = Some((end, wide, element));
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
        let (column, wide, element) = streams?;
        let within = end == row_bytes && heap >= fixed && heap <= bytes;
        within.then_some(Table { row_bytes, rows, fields, heap, bytes, column, wide, element })
    }

    /// What describes the table and the image, each keyword once, with `room` more bytes in the heap.
    fn header(&self, header: &Header, room: usize) -> Header {
        let mut cards = Header::new();
        cards.set("XTENSION", "BINTABLE", "");
        let heap_bytes = self.bytes - self.rows * self.row_bytes + room;
        for (keyword, number) in [
            ("BITPIX", 8),
            ("NAXIS", 2),
            ("NAXIS1", self.row_bytes),
            ("NAXIS2", self.rows),
            ("PCOUNT", heap_bytes),
            ("GCOUNT", 1),
            ("TFIELDS", self.fields),
            ("THEAP", self.heap),
        ] {
            cards.set(keyword, number as i64, "");
        }
        let wanted = |keyword: &str| {
            let is_column = is_numbered(keyword, "TTYPE") || is_numbered(keyword, "TFORM");
            is_column || is_tiling(keyword) || matches!(keyword, "BLANK" | "BZERO")
        };
        for (keyword, value, _) in header.cards() {
            if wanted(keyword) && *value != Value::Undefined && cards.get(keyword).is_none() {
                cards.set(keyword, value.clone(), "");
            }
        }
        cards
    }

    /// Elements of a stream, and where it begins in the heap.
    fn descriptor(&self, data: &[u8], at: usize) -> Option<(usize, usize)> {
        let bytes = data.get(at..)?;
        if self.wide {
            let ([count, first, ..], _) = bytes.as_chunks() else { return None };
            Some((i64::from_be_bytes(*count).try_into().ok()?, i64::from_be_bytes(*first).try_into().ok()?))
        } else {
            let ([count, first, ..], _) = bytes.as_chunks() else { return None };
            Some((i32::from_be_bytes(*count).try_into().ok()?, i32::from_be_bytes(*first).try_into().ok()?))
        }
    }

    fn set_count(&self, data: &mut [u8], at: usize, count: usize) -> Option<()> {
        if self.wide {
            data.get_mut(at..)?.get_mut(..8)?.copy_from_slice(&i64::try_from(count).ok()?.to_be_bytes());
        } else {
            data.get_mut(at..)?.get_mut(..4)?.copy_from_slice(&i32::try_from(count).ok()?.to_be_bytes());
        }
        Some(())
    }
}

/// Pixels of a tile: fewer at the far edges of the image. Tiles are counted as pixels are, the first axis fastest.
fn tile_pixels(header: &Header, shape: &[usize], tile: usize) -> usize {
    let mut rest = tile;
    let mut pixels = 1_usize;
    for (index, &length) in shape.iter().rev().enumerate() {
        let default = if index == 0 { length } else { 1 };
        let size = number(header, &format!("ZTILE{}", index + 1)).unwrap_or(default).max(1);
        let tiles = length.div_ceil(size).max(1);
        let begin = (rest % tiles).saturating_mul(size);
        rest /= tiles;
        pixels = pixels.saturating_mul(size.min(length.saturating_sub(begin)));
    }
    pixels
}

/// A PLIO line list says how long it is and where it begins; both must be within the stream. The instructions
/// themselves cfitsio checks against the tile, but the one that takes two words must not be the last.
fn check_plio(stream: &[u8]) -> Option<()> {
    let words = stream.as_chunks().0;
    let word = |index: usize| words.get(index).map(|word| i64::from(i16::from_be_bytes(*word)));
    let (length, first) = match word(2)? {
        short if short > 0 => (short, 4),
        _ => ((word(4)? << 15) + word(3)?, word(1)? + 1),
    };
    let length = usize::try_from(length).ok()?;
    let first = usize::try_from(first).ok()?;
    let sets_high = length.checked_sub(1).and_then(word).is_some_and(|last| last / 4096 == 1);
    (length <= words.len() && first >= 1 && !(sets_high && length == words.len())).then_some(())
}

/// Checks that an HCOMPRESS stream is of an image with this many pixels, and tells how many bytes more than it has
/// could be read of it, were it damaged.
fn hcompress_room(stream: &[u8], pixels: usize, pixel_type: PixelType) -> Option<usize> {
    // Magic number, size, scale, sum of the pixels, bit planes of the three kinds of quadrants.
    let head = stream.get(..25)?;
    let word = |at: usize| Some(i32::from_be_bytes(head.get(at..at + 4)?.try_into().ok()?));
    let (nx, ny) = (usize::try_from(word(2)?).ok()?, usize::try_from(word(6)?).ok()?);
    let planes = usize::from(*head.get(22..25)?.iter().max()?);
    let most = if matches!(pixel_type, PixelType::U8 | PixelType::I16) { 31 } else { 62 };
    if !head.starts_with(&[0xdd, 0x99]) || pixels == 0 || nx.checked_mul(ny)? != pixels || planes > most {
        return None;
    }
    // A bit plane takes at most a code of 6 bits for each node of a quadtree: narrow quadrants have as many nodes as
    // pixels. 12 bits a pixel are more than that; signs and the ends of codes come on top.
    let bits = pixels.checked_mul(12)?.checked_add(512)?.checked_mul(planes + 1)?;
    Some(bits / 8)
}
